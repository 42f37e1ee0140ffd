/// What kind of thing a statement names.
package enum ObjectKind: String, Hashable, Sendable {
    case table, view, index, sequence, schema, type, domain, function, procedure, trigger, policy, rule
    case database, role, column, constraint, attribute, `extension`
    case materializedView = "materialized view"
    case foreignTable = "foreign table"
    case other = "object"
}

/// How much of a table a statement reads or writes, as far as its text tells.
package enum Reach: Hashable, Sendable {
    /// A `LIMIT` bounds it.
    case limited
    /// These columns have given values, or lie between two.
    case bounded(by: Set<String>)
    /// Every row, or as many as happen to match.
    case any
}

/// Something that `DROP` names.
package struct DroppedObject: Hashable, Sendable {
    package let name: ObjectName
    /// Of a function; `nil` when it is named without them.
    package let parameters: [ColumnType]?
    /// Of a trigger, a policy or a rule.
    package let table: ObjectName?

    package init(_ name: ObjectName, parameters: [ColumnType]? = nil, table: ObjectName? = nil) {
        self.name = name
        self.parameters = parameters
        self.table = table
    }
}

/// A `RENAME`.
package struct Renaming: Hashable, Sendable {
    package let kind: ObjectKind
    /// What is renamed, or what the renamed part belongs to.
    package let name: ObjectName
    /// The column, constraint or attribute.
    package let part: String?
    package let new: String

    package init(_ kind: ObjectKind, _ name: ObjectName, part: String? = nil, to new: String) {
        self.kind = kind
        self.name = name
        self.part = part
        self.new = new
    }
}

/// Where a setting is made.
package enum SettingScope: String, Hashable, Sendable {
    case session, role, database, system
}

/// A statement of a migration, as far as the rules need to know it.
package indirect enum Statement: Hashable, Sendable {
    case alterTable(ObjectName, [TableChange])
    case createTable(TableDefinition)
    case createIndex(IndexDefinition)
    case createView(ViewDefinition)
    case createRoutine(RoutineDefinition)
    case createTrigger(TriggerDefinition)
    /// Something new that the stable version does not know.
    case create(ObjectKind, ObjectName)
    case createDomain(ObjectName, refusesNull: Bool)
    /// A rule or a policy: it changes what the stable version's statements do.
    case restrict(ObjectKind, name: String, on: ObjectName)
    case drop(ObjectKind, [DroppedObject], isConcurrent: Bool, skipsMissing: Bool)
    case rename(Renaming)
    case setSchema(ObjectKind, ObjectName, to: String)
    case setOwner(ObjectKind, ObjectName)
    case addEnumValue(type: ObjectName, value: String)
    case renameEnumValue(type: ObjectName, old: String)
    case alterDomain(ObjectName, tightens: Bool)
    /// The options that it names, such as `restart`.
    case alterSequence(ObjectName, [String])
    case alterRole(ObjectName)
    case truncate([ObjectName])
    case update(ObjectName, columns: [String], Reach, functions: Set<String>)
    case delete(ObjectName, Reach)
    case insert(ObjectName)
    case query(functions: Set<String>)
    case grant
    case revoke(from: [ObjectName])
    case set(String, isOff: Bool, SettingScope)
    case begin
    case commit
    case lock([ObjectName], LockLevel)
    case reindex(table: ObjectName?, isConcurrent: Bool)
    /// `VACUUM FULL`, `CLUSTER`; without a table, all of them.
    case rewrite(String, ObjectName?)
    case refresh(ObjectName, isConcurrent: Bool)
    case run(RoutineBody)
    /// A procedure is called, or a prepared statement run.
    case call(String)
    /// Neither a reader nor a writer notices it: `COMMENT`, `ANALYZE`.
    case harmless(String)
    /// The linter has no rule for it.
    case unseen(String)
    /// The parser refuses it.
    case unparsed(String)
}
