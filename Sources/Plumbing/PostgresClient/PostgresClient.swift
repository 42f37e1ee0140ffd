internal import Dispatch

/// One statement and its limits.
package struct PostgresRequest: Sendable {
    package let address: PostgresAddress
    /// One statement: a second one in the text is refused by the server.
    package let statement: String
    /// For `$1`, `$2` and so on: never a part of the statement's text.
    package let values: [String]
    /// Whether it may change anything; else its transaction is a read-only one.
    package let writes: Bool
    /// For everything together, from the first name's look-up to the answer.
    package let deadline: Duration
    /// How many rows of the answer are wanted.
    package let rowLimit: Int

    package init(
        address: PostgresAddress,
        statement: String,
        values: [String] = [],
        writes: Bool,
        deadline: Duration,
        rowLimit: Int = 1
    ) {
        self.address = address
        self.statement = statement
        self.values = values
        self.writes = writes
        self.deadline = deadline
        self.rowLimit = rowLimit
    }
}

/// What a statement was answered.
package struct PostgresAnswer: Hashable, Sendable {
    package struct Cell: Hashable, Sendable {
        package let column: String
        /// As text; `nil` for NULL.
        package let value: String?
    }

    /// As many as the request wanted, from the first on.
    package let rows: [[Cell]]
    /// Whether there are more than those.
    package let isCut: Bool
    /// How many rows a writing statement changed; `nil` when it does not count them.
    package let changed: Int?
    package let connectedAfter: Duration
    /// Connecting included.
    package let duration: Duration

    /// The first row; `nil` when there is none.
    package var row: [Cell]? { rows.first }
    /// Whether there is more than that row.
    package var hasMore: Bool { isCut || rows.count > 1 }
}

/// Asks a PostgreSQL one thing over a connection of its own, by libpq.
///
/// The statement runs in a transaction of its own: a read-only one unless the request says that it writes,
/// and with the server's own time limits, which end it there when we are gone. libpq is loaded for the first
/// request; where it is missing, each ends in `.badRequest`, which says what to install.
package struct PostgresClient: Sendable {
    private let heedsCancellation: Bool

    package init(heedsCancellation: Bool = true) { self.heedsCancellation = heedsCancellation }

    /// Ends at the deadline, and soon when the task is cancelled.
    ///
    /// libpq resolves names on its thread and cannot be stopped there; such a thread is left behind, and does
    /// nothing any more when it comes back.
    package func send(_ request: PostgresRequest) async throws(PostgresError) -> PostgresAnswer {
        guard !([request.statement] + request.values).contains(where: { $0.utf8.contains(0) }) else {
            throw .badRequest("the statement or a value has a NUL character in it")
        }
        return try await PostgresCall.answer(
            on: DispatchQueue(label: "bgdeploy.postgres"),
            heedsCancellation: heedsCancellation
        ) { call throws(PostgresError) in
            try PostgresDialogue.answer(request, call)
        }
    }
}
