//! sFlow Energy Structures: power, temperature, humidity, fans.

use crate::structure;
use crate::types::{Counter32, Gauge32, GaugeI32, PowerFactor, Sensor32};

structure! {
    /// Electrical power of a device.
    ///
    /// Source: sFlow Energy Structures.
    pub struct Energy: "energy" {
        voltage: Sensor32 [mV],
        current: Sensor32 [mA],
        real_power: Sensor32 [mW],
        /// Power factor of alternating current.
        power_factor: PowerFactor [0.01 %],
        energy: Counter32 [mJ],
        /// Number of power faults.
        errors: Counter32,
    }
}

structure! {
    /// Temperatures inside a device.
    ///
    /// Source: sFlow Energy Structures.
    pub struct Temperature: "temperature" {
        /// Minimum of all sensors.
        minimum: GaugeI32 [0.1 C],
        /// Maximum of all sensors.
        maximum: GaugeI32 [0.1 C],
        /// Number of temperature faults.
        errors: Counter32,
    }
}

structure! {
    /// Humidity in a device.
    ///
    /// Source: sFlow Energy Structures.
    pub struct Humidity: "humidity" {
        relative: GaugeI32 [%],
    }
}

structure! {
    /// Fans of a device.
    ///
    /// Source: sFlow Energy Structures.
    pub struct Fans: "fans" {
        total: Gauge32 [fans],
        failed: Gauge32 [fans],
        /// Average speed.
        speed: Gauge32 [%],
    }
}
