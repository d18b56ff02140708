use core::ops::AddAssign;

/// Counts of accepted and refused input of a [`Registry`](crate::Registry) since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Datagrams passed to [`ingest`](crate::Registry::ingest).
    pub datagrams: u64,
    /// Datagrams lost, by gaps in sequence numbers. Late datagrams are subtracted again.
    pub datagrams_lost: u64,
    /// Datagrams that arrived after a newer one and were used.
    pub datagrams_reordered: u64,
    /// Duplicates, which were not used.
    pub datagrams_repeated: u64,
    /// Datagrams too old to be distinguished from duplicates, which were not used.
    pub datagrams_late: u64,
    /// Datagrams that did not continue the sequence of their agent and were rejected, because the
    /// sequence continued or no second datagram confirmed them: forged, or from a second process with
    /// the same identity.
    pub datagrams_rejected: u64,
    /// Times that sequence numbers of an agent or a data source were found to be implausible and are
    /// ignored.
    pub numberings_distrusted: u64,
    /// Times that several parallel sequences of datagrams with one identity began to report the same
    /// data sources: forged, or from several processes or devices. The values of these data sources are
    /// unknown in the meantime.
    pub agents_doubted: u64,
    /// Datagrams of agents beyond a limit.
    pub datagrams_refused: u64,
    /// Datagrams whose source address differs from the agent address that they contain.
    pub foreign_senders: u64,
    /// Restarts of agents.
    pub agent_restarts: u64,

    /// Counters samples received.
    pub counter_samples: u64,
    /// Counters samples lost, by gaps in sequence numbers.
    pub counter_samples_lost: u64,
    /// Counters samples that were late or repeated.
    pub counter_samples_old: u64,
    /// Counters samples that did not continue the sequence of their source and were rejected, because
    /// no second one confirmed them.
    pub counter_samples_rejected: u64,
    /// Counters samples that were not used because several sequences of datagrams report their data
    /// source.
    pub counter_samples_doubted: u64,
    /// Counters samples of sources beyond a limit.
    pub counter_samples_refused: u64,
    /// Flow samples received.
    pub flow_samples: u64,
    /// Flow samples lost, by gaps in sequence numbers. Late samples are subtracted again.
    pub flow_samples_lost: u64,
    /// Flow samples that agents dropped, as reported by them.
    pub flow_samples_dropped: u64,
    /// Flow samples and notifications of dropped packets that were late or repeated.
    pub flow_samples_old: u64,
    /// Flow samples without a sampling rate.
    pub flow_samples_without_rate: u64,
    /// Flow samples that represent an unknown number of packets and were not used.
    pub flow_samples_unscaled: u64,
    /// Times that a flow definition could not count the bytes of a packet, because its length is
    /// unknown.
    pub flow_samples_unsized: u64,
    /// Flow samples and notifications of dropped packets that did not continue the sequence of their
    /// source and were rejected, because no second one confirmed them.
    pub flow_samples_rejected: u64,
    /// Flow samples and notifications of dropped packets that were not used because several sequences
    /// of datagrams report their data source.
    pub flow_samples_doubted: u64,
    /// Flow samples with a sampling rate above the number of packets that can pass in a second, which
    /// were not used.
    pub flow_samples_bad_rate: u64,
    /// Flow samples and notifications of dropped packets that were not used because the packet is
    /// longer than 65,535 bytes or shorter than its sampled header.
    pub flow_samples_bad_length: u64,
    /// Flow samples whose frame length or number of stripped bytes contradicts the length in the
    /// sampled header: the frame is shorter, or longer by more than 64 bytes than a partly sampled IP
    /// packet, or longer than 16,384 bytes and than a completely sampled IP packet. They were used with
    /// the length from the header.
    pub flow_samples_corrected: u64,
    /// Flow samples that represent more bytes than the line can carry in the time since the sample
    /// before, and were not used.
    pub flow_samples_above_line_rate: u64,
    /// Flow samples and notifications of dropped packets of sources beyond the limit.
    pub flow_samples_refused: u64,
    /// Notifications of dropped packets received.
    pub discarded_packets: u64,
    /// Dropped packets without a received notification.
    pub drops_unreported: u64,
    /// Times that a flow was replaced by another one, or found no slot.
    pub flow_keys_evicted: u64,
    /// Addresses beyond the limit on addresses with a known owner.
    pub flow_addresses_refused: u64,
    /// MAC addresses of two entities of one device.
    pub flow_address_conflicts: u64,
    /// Samples in an unknown format.
    pub unknown_samples: u64,
    /// Malformed samples.
    pub malformed_samples: u64,
    /// Counter records in an unknown format.
    pub unknown_records: u64,
    /// Malformed counter records.
    pub malformed_records: u64,

    /// Restarts of data sources, by their sequence numbers.
    pub source_restarts: u64,
    /// Wraps of counters.
    pub counter_wraps: u64,
    /// Decreases of counters without a restart in a sequence.
    pub counter_resets: u64,
    /// Increases of counters beyond a limit.
    pub counter_jumps: u64,
    /// Intervals for which uptime and arrival disagree.
    pub disputed_intervals: u64,

    /// Truncated names.
    pub names_cut: u64,
    /// Containers that reported a stop.
    pub stopped: u64,
    /// Entities that were replaced by another one at their data source.
    pub replaced: u64,
    /// Samples with custom metrics of applications.
    pub custom_samples: u64,
    /// Values of custom metrics that were refused because their application has too many, or their
    /// names are too long.
    pub custom_metrics_refused: u64,
    /// Values of custom metrics that were skipped because of
    /// [`keep_custom_metrics`](crate::Registry::keep_custom_metrics).
    pub custom_metrics_unused: u64,
    /// Sources that were removed because they had sent no sample for too long.
    pub gone: u64,
    /// Entities that moved to another data source or agent.
    pub moved: u64,
    /// Entities with the UUID of another reported entity.
    pub uuid_conflicts: u64,
    /// Agents with the address of an agent of another sender.
    pub address_conflicts: u64,

    /// Refusals because a data source reached
    /// [`max_bytes_per_source`](crate::Config::max_bytes_per_source).
    pub source_bytes_refused: u64,
    /// Refusals because an agent reached
    /// [`max_bytes_per_agent`](crate::Config::max_bytes_per_agent).
    pub agent_bytes_refused: u64,
    /// Refusals because a sender reached
    /// [`max_bytes_per_sender`](crate::Config::max_bytes_per_sender).
    pub sender_bytes_refused: u64,
    /// Refusals because all senders together reached
    /// [`max_bytes`](crate::Config::max_bytes).
    pub total_bytes_refused: u64,
    /// Sources removed to admit others: idle and never useful, or of an agent that was removed.
    pub sources_evicted: u64,
    /// Agents removed to admit others: not established, or silent and without sources.
    pub agents_evicted: u64,
    /// Events recorded.
    pub events: u64,
    /// Events removed from the log for newer ones.
    pub events_dropped: u64,
    /// Events that were not recorded because their agent caused too many.
    pub events_suppressed: u64,
    /// Entities beyond a threshold for which no state was kept because of a limit.
    pub threshold_states_refused: u64,
}

impl AddAssign<&Self> for Health {
    /// Adds the counts of another registry.
    ///
    /// ```
    /// use sflow_metrics::{Health, Registry};
    ///
    /// let workers = [Registry::default(), Registry::default()];
    /// let mut all = Health::default();
    /// for worker in &workers {
    ///     all += worker.health();
    /// }
    /// assert_eq!(all, Health::default());
    /// ```
    fn add_assign(&mut self, other: &Self) {
        macro_rules! add {
            ($($field:ident,)*) => {{
                // All fields, or this does not compile.
                let Self { $($field),* } = other;
                $(self.$field = self.$field.saturating_add(*$field);)*
            }};
        }
        add!(
            datagrams,
            datagrams_lost,
            datagrams_reordered,
            datagrams_repeated,
            datagrams_late,
            datagrams_rejected,
            numberings_distrusted,
            agents_doubted,
            datagrams_refused,
            foreign_senders,
            agent_restarts,
            counter_samples,
            counter_samples_lost,
            counter_samples_old,
            counter_samples_rejected,
            counter_samples_doubted,
            counter_samples_refused,
            flow_samples,
            flow_samples_lost,
            flow_samples_dropped,
            flow_samples_old,
            flow_samples_without_rate,
            flow_samples_unscaled,
            flow_samples_unsized,
            flow_samples_rejected,
            flow_samples_doubted,
            flow_samples_bad_rate,
            flow_samples_bad_length,
            flow_samples_corrected,
            flow_samples_above_line_rate,
            flow_samples_refused,
            discarded_packets,
            drops_unreported,
            flow_keys_evicted,
            flow_addresses_refused,
            flow_address_conflicts,
            unknown_samples,
            malformed_samples,
            unknown_records,
            malformed_records,
            source_restarts,
            counter_wraps,
            counter_resets,
            counter_jumps,
            disputed_intervals,
            names_cut,
            stopped,
            replaced,
            custom_samples,
            custom_metrics_refused,
            custom_metrics_unused,
            gone,
            moved,
            uuid_conflicts,
            address_conflicts,
            source_bytes_refused,
            agent_bytes_refused,
            sender_bytes_refused,
            total_bytes_refused,
            sources_evicted,
            agents_evicted,
            events,
            events_dropped,
            events_suppressed,
            threshold_states_refused,
        );
    }
}

impl Health {
    /// Flow samples and notifications of dropped packets that were not used when they arrived.
    #[cfg(feature = "flows")]
    pub(crate) const fn flow_samples_unused(&self) -> u64 {
        self.flow_samples_old
            + self.flow_samples_unscaled
            + self.flow_samples_doubted
            + self.flow_samples_bad_rate
            + self.flow_samples_bad_length
            + self.flow_samples_above_line_rate
            + self.flow_samples_refused
    }
}
