public import DeployCore

/// Small documents beside the journal that several processes share: tokens, queued runs, notifications to
/// send.
///
/// Nobody overwrites what he has not seen: a change names the revision that it was made from. Kinds and keys
/// are at most 200 bytes, values at most 1 MB, none with a NUL: else `.unavailable`. A write is durable when
/// the call returns.
public protocol RecordStore: Sendable {
    /// Writes a document that was not there; `nil`, and nothing is written, where the key is taken.
    func insert(
        _ value: String,
        as kind: Record.Kind,
        key: String,
        due: Timestamp?
    ) async throws(RunStoreError) -> Record?

    func record(_ kind: Record.Kind, _ key: String) async throws(RunStoreError) -> Record?

    /// In the order of their keys' bytes, those above `key`.
    func records(_ kind: Record.Kind, after key: String, limit: Int) async throws(RunStoreError) -> [Record]

    /// Gives `record` another value and time; `nil`, and nothing is written, where somebody changed or
    /// removed it.
    func replace(_ record: Record, with value: String, due: Timestamp?) async throws(RunStoreError) -> Record?

    /// Whether it was there, as it is known, and is gone now.
    func remove(_ record: Record) async throws(RunStoreError) -> Bool

    /// Up to `limit` documents that are due at `now`, earliest first, made due again at `until` for everybody
    /// else: each goes to one caller alone, and to another one when that does not remove or replace it in
    /// time.
    func claim(
        _ kind: Record.Kind,
        dueAt now: Timestamp,
        until: Timestamp,
        limit: Int
    ) async throws(RunStoreError) -> [Record]
}

public struct Record: Hashable, Sendable {
    /// What the documents are for.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }
    }

    public let kind: Kind
    /// Unique among its kind.
    public let key: String
    public let value: String
    /// When somebody is to take care of it; `nil` for never.
    public let due: Timestamp?
    /// Rises with each change and claim; not used again when the document is removed and written anew.
    public let revision: Int

    public init(kind: Kind, key: String, value: String, due: Timestamp?, revision: Int) {
        self.kind = kind
        self.key = key
        self.value = value
        self.due = due
        self.revision = revision
    }
}
