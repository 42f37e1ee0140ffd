/// What can be told of a PL/pgSQL body.
package struct RoutineBody: Hashable, Sendable {
    /// How it raises an error: `RAISE EXCEPTION`; `nil` when nothing in it does.
    package var refusal: String?
    /// Whether a trigger before the row drops it: `RETURN NULL`.
    package var returnsNull = false
    /// The SQL statements in it.
    package var statements: [Statement] = []
    /// What cannot be judged: dynamic SQL, functions that are called.
    package var unseen: [String] = []
    /// What a trigger writes to the row.
    package var assignments: [RowAssignment] = []
    /// The row's columns that are read.
    package var columns: Set<String> = []

    package init() {}
}

/// `NEW.column := value` in a trigger.
package struct RowAssignment: Hashable, Sendable {
    package let column: String
    /// The row's columns that the value is made of.
    package let sources: Set<String>
    /// Whether it is `coalesce(NEW.column, …)`: a value that is there stays.
    package let keepsOwn: Bool
    /// Whether it is text that a function or a constant makes, of text.
    package let isText: Bool
    /// Columns of which one has to change for it to be reached: `IF NEW.x IS DISTINCT FROM OLD.x`.
    package let guards: Set<String>

    package init(
        column: String,
        sources: Set<String>,
        keepsOwn: Bool,
        isText: Bool,
        guards: Set<String>
    ) {
        self.column = column
        self.sources = sources
        self.keepsOwn = keepsOwn
        self.isText = isText
        self.guards = guards
    }
}

/// A `CREATE FUNCTION` or `CREATE PROCEDURE`.
package struct RoutineDefinition: Hashable, Sendable {
    package let name: ObjectName
    /// Of the inputs, in order.
    package let parameters: [ColumnType]
    /// How many of the last inputs may be left out.
    package let defaults: Int
    package let returnsTrigger: Bool
    package let replaces: Bool
    /// `nil` when it is not PL/pgSQL or cannot be read.
    package let body: RoutineBody?

    package init(
        name: ObjectName,
        parameters: [ColumnType],
        defaults: Int,
        returnsTrigger: Bool,
        replaces: Bool,
        body: RoutineBody?
    ) {
        self.name = name
        self.parameters = parameters
        self.defaults = defaults
        self.returnsTrigger = returnsTrigger
        self.replaces = replaces
        self.body = body
    }
}

extension RoutineDefinition {
    /// Whether a call with `count` values finds it.
    func takes(_ count: Int) -> Bool { (parameters.count - defaults...parameters.count).contains(count) }
}

/// A `CREATE TRIGGER`.
package struct TriggerDefinition: Hashable, Sendable {
    package let name: String
    package let table: ObjectName
    package let function: ObjectName
    /// Whether it runs for each row before it is written, or instead of that.
    package let isBefore: Bool

    package init(name: String, table: ObjectName, function: ObjectName, isBefore: Bool) {
        self.name = name
        self.table = table
        self.function = function
        self.isBefore = isBefore
    }
}
