//! sFlow Optical Interface Structures.

use crate::structure;
use crate::types::{Gauge32, GaugeI32, List};

structure! {
    /// A pluggable optical module.
    ///
    /// Source: sFlow Optical Interface Structures.
    pub struct Sfp<'a>: "sfp" {
        /// Host sFlow sends the `ifIndex`.
        module_id: u32,
        /// Number of lanes; may exceed the length of `lanes`.
        module_num_lanes: u32,
        module_supply_voltage: Gauge32 [mV],
        module_temperature: GaugeI32 [0.001 C],
        /// Lanes used by the interface.
        lanes: List<'a, Lane>,
    }
}

structure! {
    /// One lane of an optical module.
    ///
    /// Source: sFlow Optical Interface Structures, `lane`.
    pub struct Lane: "lane" {
        /// Number of the lane, from 1; 0 if unknown.
        index: u32,
        tx_bias_current: Gauge32 [uA],
        tx_power: Gauge32 [uW],
        tx_power_min: Gauge32 [uW],
        tx_power_max: Gauge32 [uW],
        tx_wavelength: Gauge32 [nm],
        rx_power: Gauge32 [uW],
        rx_power_min: Gauge32 [uW],
        rx_power_max: Gauge32 [uW],
        rx_wavelength: Gauge32 [nm],
    }
}
