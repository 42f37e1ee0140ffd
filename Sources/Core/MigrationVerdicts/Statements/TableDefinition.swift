/// A column as `CREATE TABLE` or `ADD COLUMN` writes it.
package struct ColumnDefinition: Hashable, Sendable {
    package let name: String
    package let type: ColumnType
    package var isNotNull = false
    package var defaultValue: Expression?
    /// `serial`, or `GENERATED … AS IDENTITY`.
    package var takesNumbers = false
    /// `GENERATED ALWAYS AS (…) STORED`.
    package var generated: Expression?
    package var constraints: [TableConstraint] = []

    package init(name: String, type: ColumnType) {
        self.name = name
        self.type = type
    }

    /// Whether a row that does not name it gets a value.
    package var hasValue: Bool {
        takesNumbers || generated != nil || defaultValue.map { !$0.isNull } ?? false
    }
}

/// A constraint of a table.
package struct TableConstraint: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case check(Expression)
        case foreignKey(to: ObjectName)
        case unique
        case primaryKey
        case exclusion
        /// What stands in a schema and is not read any further.
        case unnamed
    }

    package let kind: Kind
    package var name: String?
    package var columns: [String]
    /// `false` for `NOT VALID`: the rows that are there are not looked at.
    package var isValidated = true
    /// The index that `USING INDEX` names.
    package var index: String?

    package init(_ kind: Kind, name: String? = nil, columns: [String] = []) {
        self.kind = kind
        self.name = name
        self.columns = columns
    }
}

/// A `CREATE TABLE`.
package struct TableDefinition: Hashable, Sendable {
    package let name: ObjectName
    package var columns: [ColumnDefinition] = []
    package var constraints: [TableConstraint] = []
    package var parents: [ObjectName] = []
    package var isPartition = false
    package var isPartitioned = false
    package var isTemporary = false
    package var skipsExisting = false
    /// `LIKE` and `AS SELECT`: columns that the statement does not list.
    package var hasOtherColumns = false

    package init(name: ObjectName) { self.name = name }
}

/// A `CREATE INDEX`.
package struct IndexDefinition: Hashable, Sendable {
    /// `nil` when PostgreSQL picks one.
    package let name: ObjectName?
    package let table: ObjectName
    /// `nil` for an expression.
    package let columns: [String?]
    package let isUnique: Bool
    package let isConcurrent: Bool
    /// All that is computed for a row: of the columns, and the condition of a partial index.
    package let computed: Expression

    package init(
        name: ObjectName?,
        table: ObjectName,
        columns: [String?],
        isUnique: Bool,
        isConcurrent: Bool,
        computed: Expression
    ) {
        self.name = name
        self.table = table
        self.columns = columns
        self.isUnique = isUnique
        self.isConcurrent = isConcurrent
        self.computed = computed
    }
}

/// A `CREATE VIEW`.
package struct ViewDefinition: Hashable, Sendable {
    package let name: ObjectName
    /// In order; `nil` when they cannot be told from the text.
    package let columns: [String]?
    /// The one table whose rows it shows as they are, so that PostgreSQL writes through it; else `nil`.
    package let writesThroughTo: ObjectName?
    /// Whether every row of that table is in it.
    package let hasAllRows: Bool
    /// Whether it is `SELECT * FROM` that table.
    package let isWhole: Bool
    package let replaces: Bool
    package let isMaterialized: Bool

    package init(
        name: ObjectName,
        columns: [String]?,
        writesThroughTo: ObjectName?,
        hasAllRows: Bool,
        isWhole: Bool,
        replaces: Bool,
        isMaterialized: Bool
    ) {
        self.name = name
        self.columns = columns
        self.writesThroughTo = writesThroughTo
        self.hasAllRows = hasAllRows
        self.isWhole = isWhole
        self.replaces = replaces
        self.isMaterialized = isMaterialized
    }
}
