/// What a [`Registry`](crate::Registry) has taken in and what it refused, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Datagrams given to [`ingest`](crate::Registry::ingest).
    pub datagrams: u64,
    /// Datagrams that were missing between two that came (and did not come later).
    pub datagrams_lost: u64,
    /// Datagrams that overtook others; their samples count.
    pub datagrams_reordered: u64,
    /// Datagrams that came again; their samples do not count.
    pub datagrams_repeated: u64,
    /// Datagrams too late to tell whether they came before; their samples do not count.
    pub datagrams_late: u64,
    /// Datagrams that did not continue the sequence of their agent and were not used, since it
    /// went on or no second datagram confirmed them: forged, or of a second process with the same
    /// identity.
    pub datagrams_rejected: u64,
    /// Times that the numbers of an agent's datagrams, or of a data source's samples, made no sense
    /// repeatedly and are not used any more.
    pub numberings_distrusted: u64,
    /// Times that several sequences of datagrams with one identity, which all go on, began to
    /// report the same data sources: forged, or of several processes or devices. The values of
    /// these data sources are unknown meanwhile.
    pub agents_doubted: u64,
    /// Datagrams of agents beyond the bound.
    pub datagrams_refused: u64,
    /// Datagrams whose agent address is not the address that they came from.
    pub foreign_senders: u64,
    /// Times that an agent started again.
    pub agent_restarts: u64,

    /// Counters samples.
    pub counter_samples: u64,
    /// Counters samples that were missing between two of a source.
    pub counter_samples_lost: u64,
    /// Counters samples that came after a newer one of their source, or again.
    pub counter_samples_old: u64,
    /// Counters samples that did not continue the sequence of their source and were not used,
    /// since no second one confirmed them.
    pub counter_samples_rejected: u64,
    /// Counters samples of data sources that several sequences of datagrams report, and that were
    /// not used for that.
    pub counter_samples_doubted: u64,
    /// Counters samples of sources beyond a bound.
    pub counter_samples_refused: u64,
    /// Flow samples.
    pub flow_samples: u64,
    /// Flow samples that were missing between two of a source (and did not come later).
    pub flow_samples_lost: u64,
    /// Flow samples that agents lost before they could send them, as they say.
    pub flow_samples_dropped: u64,
    /// Flow samples, and notifications of dropped packets, that came again.
    pub flow_samples_old: u64,
    /// Flow samples that state no sampling rate.
    pub flow_samples_without_rate: u64,
    /// Flow samples of which nothing tells how many packets they stand for; they do not count.
    pub flow_samples_unscaled: u64,
    /// Times that a flow definition could not count a packet's bytes: its agent does not say how
    /// long it was.
    pub flow_samples_unsized: u64,
    /// Flow samples, and notifications of dropped packets, that did not continue the sequence of
    /// their source and were not used, since no second one confirmed them.
    pub flow_samples_rejected: u64,
    /// Flow samples, and notifications of dropped packets, of data sources of which several
    /// sequences of datagrams have samples. They do not count.
    pub flow_samples_doubted: u64,
    /// Flow samples with a sampling rate larger than the number of packets that can pass in a
    /// second. They do not count.
    pub flow_samples_bad_rate: u64,
    /// Flow samples, and notifications of dropped packets, of a packet longer than 65,535 bytes
    /// or shorter than its sampled header. They do not count.
    pub flow_samples_bad_length: u64,
    /// Flow samples whose frame length or number of stripped bytes is contradicted by the length in
    /// the sampled header: the frame is shorter, or longer by more than 64 bytes than an IP packet
    /// of which a part was sampled, or longer than 16,384 bytes and than an IP packet that was
    /// sampled whole. They count with the length that follows from the header.
    pub flow_samples_corrected: u64,
    /// Flow samples that stand for more bytes than the line can carry in the time since the
    /// sample before. They do not count.
    pub flow_samples_above_line_rate: u64,
    /// Flow samples, and notifications of dropped packets, of sources beyond the bound.
    pub flow_samples_refused: u64,
    /// Notifications of dropped packets.
    pub discarded_packets: u64,
    /// Dropped packets that were not reported, or whose notifications were missing.
    pub drops_unreported: u64,
    /// Times that a flow had to make room for another, or found none.
    pub flow_keys_evicted: u64,
    /// Addresses beyond the bound on those of which it is known whose they are.
    pub flow_addresses_refused: u64,
    /// MAC addresses that two entities of one device have.
    pub flow_address_conflicts: u64,
    /// Samples of a kind that is not known.
    pub unknown_samples: u64,
    /// Samples that could not be read.
    pub malformed_samples: u64,
    /// Counter records of a structure that is not known.
    pub unknown_records: u64,
    /// Counter records that could not be read.
    pub malformed_records: u64,

    /// Times that a source started to count again, by its sequence.
    pub source_restarts: u64,
    /// Steps of a counter past its largest number.
    pub counter_wraps: u64,
    /// Counters that went back without a sign in any sequence.
    pub counter_resets: u64,
    /// Counters that went up by more than can be.
    pub counter_jumps: u64,
    /// Intervals that the agent's uptime and arrival disagree about.
    pub disputed_intervals: u64,

    /// Names that were cut.
    pub names_cut: u64,
    /// Sources that said that they stopped.
    pub stopped: u64,
    /// Sources whose data source was taken over by another container.
    pub replaced: u64,
    /// Samples of applications with metrics under names of their own.
    pub custom_samples: u64,
    /// Values of such metrics that were left out: their application has as many as it may, or
    /// their names are too long.
    pub custom_metrics_refused: u64,
    /// Values of such metrics that were left out because no query that is
    /// [kept for](crate::Registry::keep_custom_metrics) uses their names.
    pub custom_metrics_unused: u64,
    /// Sources that fell silent until they were gone.
    pub gone: u64,
    /// Entities that went on as another data source or at another agent.
    pub moved: u64,
    /// Entities with the UUID of another one that is heard, too.
    pub uuid_conflicts: u64,
    /// Agents with the address of another one that is heard, too, from another sender.
    pub address_conflicts: u64,

    /// Times that something was not kept because its data source takes up
    /// [`max_bytes_per_source`](crate::Config::max_bytes_per_source).
    pub source_bytes_refused: u64,
    /// Times that something was not kept because its agent takes up
    /// [`max_bytes_per_agent`](crate::Config::max_bytes_per_agent).
    pub agent_bytes_refused: u64,
    /// Times that something was not kept because its sender takes up
    /// [`max_bytes_per_sender`](crate::Config::max_bytes_per_sender).
    pub sender_bytes_refused: u64,
    /// Times that something was not kept because all senders take up
    /// [`max_bytes`](crate::Config::max_bytes).
    pub total_bytes_refused: u64,
    /// Sources removed to admit others: idle and never useful, or of an agent that was removed.
    pub sources_evicted: u64,
    /// Agents removed to admit others: not established, or silent and without sources.
    pub agents_evicted: u64,
    /// Events that were written down.
    pub events: u64,
    /// Events that had to leave the log for newer ones.
    pub events_dropped: u64,
    /// Events that were not written down, since their agent had caused too many.
    pub events_suppressed: u64,
    /// Times that an entity beyond a threshold could not be kept in mind.
    pub threshold_states_refused: u64,
}

impl Health {
    /// Flow samples and notifications of dropped packets that were not used when they arrived.
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
