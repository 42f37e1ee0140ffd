/// What is known of a database before a statement runs, and which of it is new in this release.
///
/// Made from a schema's own statements or from a connection, and carried on by each pending statement. What
/// is new in the release is unknown to the stable version, and a new table is empty: changes of it harm nobody.
package struct Schema: Hashable, Sendable {
    package internal(set) var tables: [ObjectName: Table] = [:]
    package internal(set) var indexes: [ObjectName: Index] = [:]
    package internal(set) var routines: [ObjectName: [Routine]] = [:]
    /// Sequences, types, schemas and the like that are new in the release.
    var newObjects: Set<ObjectName> = []
    /// Domains that refuse NULL.
    var strictDomains: Set<ObjectName> = []
    /// Names that the stable version knows and that this release has freed.
    var vacated: Set<ObjectName> = []
    /// Whether what is not here does not exist.
    package let isComplete: Bool

    package init(isComplete: Bool = false) { self.isComplete = isComplete }

    package struct Column: Hashable, Sendable {
        package var name: String
        /// `nil` when it is not known.
        package var type: ColumnType?
        package var isNotNull: Bool?
        package var hasValue: Bool?
        package var isNew = false

        package init(name: String, type: ColumnType?, isNotNull: Bool?, hasValue: Bool?) {
            self.name = name
            self.type = type
            self.isNotNull = isNotNull
            self.hasValue = hasValue
        }
    }

    package struct Table: Hashable, Sendable {
        package var columns: [Column] = []
        /// Whether `columns` are all that it has.
        package var hasAllColumns = false
        package var constraints: [String: TableConstraint] = [:]
        package var isNew = false
        /// `nil` when nobody has counted them; about, when it is more than 0.
        package var rows: Int?
        package var bytes: Int?

        package init() {}

        package func column(_ name: String) -> Column? { columns.first { $0.name == name } }
    }

    package struct Index: Hashable, Sendable {
        package let table: ObjectName
        package let isUnique: Bool
        package var isNew: Bool

        package init(table: ObjectName, isUnique: Bool, isNew: Bool = false) {
            self.table = table
            self.isUnique = isUnique
            self.isNew = isNew
        }
    }

    package struct Routine: Hashable, Sendable {
        package let parameters: [ColumnType]
        package let returnsTrigger: Bool
        package let body: RoutineBody?
        package let isNew: Bool

        package init(
            parameters: [ColumnType],
            returnsTrigger: Bool,
            body: RoutineBody? = nil,
            isNew: Bool = false
        ) {
            self.parameters = parameters
            self.returnsTrigger = returnsTrigger
            self.body = body
            self.isNew = isNew
        }
    }

    // MARK: what it was given

    /// Adds a table or a view that the stable version has.
    package mutating func know(_ table: Table, as name: ObjectName) { tables[name] = table }
    package mutating func know(_ index: Index, as name: ObjectName) { indexes[name] = index }
    package mutating func knowStrictDomain(_ name: ObjectName) { strictDomains.insert(name) }
    package mutating func know(_ routine: Routine, as name: ObjectName) {
        routines[name, default: []].append(routine)
    }

    // MARK: questions

    package func isNew(_ table: ObjectName) -> Bool { tables[table]?.isNew ?? false }

    package func isNew(_ column: String, of table: ObjectName) -> Bool {
        isNew(table) || tables[table]?.column(column)?.isNew == true
    }

    func areNew(_ columns: [String], of table: ObjectName) -> Bool {
        isNew(table) || (!columns.isEmpty && columns.allSatisfy { isNew($0, of: table) })
    }

    /// Whether `table` is known not to be there.
    func isAbsent(_ table: ObjectName) -> Bool { isComplete && tables[table] == nil }

    func isAbsent(_ column: String, of table: ObjectName) -> Bool {
        guard let known = tables[table], known.hasAllColumns else { return false }
        return known.column(column) == nil
    }

    /// Known to have no rows.
    func isEmpty(_ table: ObjectName) -> Bool { tables[table]?.rows == 0 }

    /// Such as `about 1200000 rows, 340 MB`; `nil` when nobody has counted.
    func size(of table: ObjectName) -> String? {
        guard let known = tables[table] else { return nil }
        let parts = [
            known.rows.map { "about \($0) rows" }, known.bytes.map { Self.spelled(bytes: $0) },
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    private static func spelled(bytes: Int) -> String {
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        var (value, unit) = (bytes, 0)
        while value >= 10_240, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return "\(value) \(units[unit])"
    }
}
