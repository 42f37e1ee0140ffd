/// A step that brings a database's schema forward, and can say beforehand what it would do.
public protocol SchemaChange: StepAction {
    /// What the database has and what it would get; looks only, within a minute.
    func outlook(_ values: Values) async throws(StepFailure) -> SchemaOutlook
}

/// A database's schema by its migrations, now and after the step.
public struct SchemaOutlook: Hashable, Sendable {
    /// The newest that is applied, in the words of the tool; `nil` for none.
    public let head: String?
    /// In the order in which they were applied.
    public let applied: [Migration]
    /// In the order in which they would be applied.
    public let pending: [Migration]

    public init(head: String?, applied: [Migration], pending: [Migration]) {
        self.head = head
        self.applied = applied
        self.pending = pending
    }

    public struct Migration: Hashable, Sendable {
        /// In the words of the tool: a file's name, a revision.
        public let name: String
        /// The file that holds it; `nil` where the tool names none.
        public let path: String?
        /// What it does, for the linter; `nil` where the tool cannot say it as SQL.
        public let sql: String?

        public init(name: String, path: String? = nil, sql: String? = nil) {
            self.name = name
            self.path = path
            self.sql = sql
        }
    }
}
