/// From where on a figure is a warning, and from where on it is bad.
package struct Thresholds: Hashable, Sendable {
    package struct Pair: Hashable, Sendable {
        package let warn: Double
        package let bad: Double

        package init(warn: Double, bad: Double) {
            self.warn = warn
            self.bad = bad
        }

        func severity(of value: Double) -> Finding.Severity {
            value >= bad ? .bad : value >= warn ? .warn : .ok
        }
    }

    /// Connections used, of those that a user without privileges may take: a share.
    package var connections = Pair(warn: 0.8, bad: 0.9)
    /// Waiting for a lock, in seconds.
    package var lockWait = Pair(warn: 1, bad: 30)
    /// As many sessions behind one another are bad, however short they have waited.
    package var waitingSessions = 10
    /// Age of a transaction, in seconds.
    package var transaction = Pair(warn: 60, bad: 900)
    /// Behind the primary, in seconds.
    package var replicaLag = Pair(warn: 10, bad: 30)
    /// Behind the primary, in bytes: 64 MB and 1 GB.
    package var replicaLagBytes = Pair(warn: 0x400_0000, bad: 0x4000_0000)
    /// What a replication slot keeps of the write-ahead log, in bytes: 1 GB and 10 GB.
    package var retainedLog = Pair(warn: 0x4000_0000, bad: 10 * 0x4000_0000)
    /// Transactions since the oldest snapshot that a slot holds.
    package var heldTransactions = Pair(warn: 1_000_000, bad: 50_000_000)
    /// Of ``storageLimit``: a share.
    package var storage = Pair(warn: 0.7, bad: 0.85)
    /// Of the transaction numbers that there are before the server stops: a share.
    package var wraparound = Pair(warn: 0.4, bad: 0.7)
    /// Dead rows of all rows of a table: a share.
    package var deadRows = Pair(warn: 0.2, bad: 0.5)
    /// Fewer dead rows are no warning; ten times as many may be bad.
    package var deadRowsAtLeast = 10_000
    /// Of a sequence's or its column's last value: a share.
    package var sequence = Pair(warn: 0.75, bad: 0.9)
    /// Smaller indexes may stay without use.
    package var unusedIndexBytes = 10 << 20
    /// The volume of the data in bytes, which PostgreSQL does not tell.
    package var storageLimit: Int?

    package init() {}
}
