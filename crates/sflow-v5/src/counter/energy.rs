//! sFlow Energy Structures: power, temperature, humidity, fans.

use crate::structure;
use crate::types::{Counter32, Gauge32, GaugeI32, PowerFactor, Sensor32};

structure! {
    /// Electrical power that a device takes.
    ///
    /// Source: sFlow Energy Structures.
    pub struct Energy: "energy" {
        voltage: Sensor32 [mV],
        current: Sensor32 [mA],
        real_power: Sensor32 [mW],
        /// Of alternating current.
        power_factor: PowerFactor [0.01 %],
        energy: Counter32 [mJ],
        /// Times that the power was not as it should be.
        errors: Counter32,
    }
}

structure! {
    /// Temperatures inside a device.
    ///
    /// Source: sFlow Energy Structures.
    pub struct Temperature: "temperature" {
        /// At the coolest sensor.
        minimum: GaugeI32 [0.1 C],
        /// At the hottest sensor.
        maximum: GaugeI32 [0.1 C],
        /// Times that a temperature was not as it should be.
        errors: Counter32,
    }
}

structure! {
    /// Humidity at a device.
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
        /// On average.
        speed: Gauge32 [%],
    }
}
