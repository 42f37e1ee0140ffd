extension Schema {
    /// Knows what is so after `statement`.
    ///
    /// With `isNew`, the statement is of this release: what it makes is unknown to the stable version.
    package mutating func fold(_ statement: Statement, isNew: Bool) {
        switch statement {
        case .alterTable(let table, let changes):
            for change in changes { fold(change, of: table, isNew: isNew) }
        case .createTable(let definition): fold(definition, isNew: isNew)
        case .createIndex(let definition):
            let name = definition.name ?? Self.indexName(of: definition)
            indexes[name] = Index(table: definition.table, isUnique: definition.isUnique, isNew: isNew)
        case .createView(let view): fold(view, isNew: isNew)
        case .createRoutine(let routine):
            routines[routine.name, default: []].removeAll { $0.parameters == routine.parameters }
            let known = Routine(
                parameters: routine.parameters,
                returnsTrigger: routine.returnsTrigger,
                body: routine.body,
                isNew: isNew && !vacated.contains(routine.name)
            )
            routines[routine.name, default: []].append(known)
        case .createDomain(let name, let refusesNull):
            if refusesNull { strictDomains.insert(name) }
            if isNew, !vacated.contains(name) { newObjects.insert(name) }
        case .create(_, let name): if isNew, !vacated.contains(name) { newObjects.insert(name) }
        case .drop(let kind, let objects, _, _): for object in objects { forget(kind, object, isNew: isNew) }
        case .rename(let renaming): fold(renaming, isNew: isNew)
        case .setSchema(let kind, let name, let schema):
            move(kind, name, to: ObjectName(name.name, schema: schema), isNew: isNew)
        case .truncate(let names): for name in names { tables[name]?.rows = 0 }
        case .run(let body): for inner in body.statements { fold(inner, isNew: false) }
        default: break
        }
    }

    // MARK: tables

    private mutating func fold(_ definition: TableDefinition, isNew: Bool) {
        let name = definition.name
        // A table that may be there is not new; one that is there stays as it is.
        if definition.skipsExisting, tables[name] != nil { return }
        let isCertain = !definition.skipsExisting || isComplete
        var table = Table()
        let isTaken = tables[name].map { !$0.isNew } ?? false
        table.isNew = isNew && isCertain && !isTaken && !vacated.contains(name)
        table.rows = table.isNew ? 0 : nil
        table.hasAllColumns = isCertain && !definition.hasOtherColumns && definition.parents.isEmpty
        tables[name] = table
        for column in definition.columns { add(column, to: name, isNew: table.isNew) }
        for constraint in definition.constraints { add(constraint, to: name) }
    }

    private mutating func fold(_ view: ViewDefinition, isNew: Bool) {
        var table = Table()
        table.isNew = isNew && !vacated.contains(view.name) && tables[view.name] == nil && !view.replaces
        if view.replaces, isNew, isComplete, tables[view.name] == nil { table.isNew = true }
        var columns = view.columns
        if columns == nil, view.isWhole, let base = view.writesThroughTo.flatMap({ tables[$0] }),
            base.hasAllColumns
        {
            columns = base.columns.map(\.name)
        }
        table.columns = (columns ?? []).map { Column(name: $0, type: nil, isNotNull: nil, hasValue: nil) }
        table.hasAllColumns = columns != nil
        tables[view.name] = table
    }

    private mutating func fold(_ change: TableChange, of table: ObjectName, isNew: Bool) {
        switch change {
        case .addColumn(let column, let skipsExisting):
            if skipsExisting, tables[table]?.column(column.name) != nil { return }
            let isCertain = !skipsExisting || tables[table]?.hasAllColumns == true
            add(column, to: table, isNew: isNew && isCertain)
        case .dropColumn(let name, _): tables[table]?.columns.removeAll { $0.name == name }
        case .setType(let name, let type, _): update(name, of: table) { $0.type = type }
        case .setNotNull(let name): update(name, of: table) { $0.isNotNull = true }
        case .dropNotNull(let name): update(name, of: table) { $0.isNotNull = false }
        case .setDefault(let name, let value): update(name, of: table) { $0.hasValue = !value.isNull }
        case .dropDefault(let name): update(name, of: table) { $0.hasValue = false }
        case .addConstraint(let constraint): add(constraint, to: table)
        case .dropConstraint(let name):
            tables[table]?.constraints[name] = nil
            indexes[ObjectName(name, schema: table.schema)] = nil
        case .validateConstraint(let name): tables[table]?.constraints[name]?.isValidated = true
        default: break
        }
    }

    private mutating func update(_ name: String, of table: ObjectName, _ change: (inout Column) -> Void) {
        guard let index = tables[table]?.columns.firstIndex(where: { $0.name == name }) else { return }
        if var column = tables[table]?.columns[index] {
            change(&column)
            tables[table]?.columns[index] = column
        }
    }

    private mutating func add(_ definition: ColumnDefinition, to table: ObjectName, isNew: Bool) {
        let isKey = definition.constraints.contains { $0.kind == .primaryKey }
        var column = Column(
            name: definition.name,
            type: definition.type,
            isNotNull: definition.isNotNull || isKey,
            hasValue: definition.hasValue
        )
        column.isNew = isNew && tables[table]?.column(definition.name)?.isNew != false
        tables[table, default: Table()].columns.removeAll { $0.name == definition.name }
        tables[table]?.columns.append(column)
        for constraint in definition.constraints { add(constraint, to: table) }
    }

    private mutating func add(_ constraint: TableConstraint, to table: ObjectName) {
        let name = constraint.name ?? Self.constraintName(of: constraint, in: table)
        tables[table, default: Table()].constraints[name] = constraint
        switch constraint.kind {
        case .unique, .primaryKey:
            let isNew = isNew(table)
            indexes[ObjectName(name, schema: table.schema)] = Index(
                table: table,
                isUnique: true,
                isNew: isNew
            )
            if constraint.kind == .primaryKey {
                for column in constraint.columns { update(column, of: table) { $0.isNotNull = true } }
            }
        default: break
        }
    }

    // MARK: names

    private mutating func forget(_ kind: ObjectKind, _ object: DroppedObject, isNew: Bool) {
        switch kind {
        case .table, .view, .materializedView, .foreignTable:
            if isNew, !self.isNew(object.name) { vacated.insert(object.name) }
            tables[object.name] = nil
            indexes = indexes.filter { $0.value.table != object.name }
        case .index: indexes[object.name] = nil
        case .function, .procedure:
            let known = routines[object.name] ?? []
            if isNew, !known.contains(where: \.isNew) { vacated.insert(object.name) }
            routines[object.name] = object.parameters.map { parameters in
                known.filter { $0.parameters != parameters }
            }
        default:
            if newObjects.remove(object.name) == nil, isNew { vacated.insert(object.name) }
        }
    }

    private mutating func fold(_ renaming: Renaming, isNew: Bool) {
        switch renaming.kind {
        case .column:
            guard let old = renaming.part else { return }
            update(old, of: renaming.name) { column in
                column.name = renaming.new
                // The stable version does not know it by this name.
                column.isNew = column.isNew && isNew
            }
        case .constraint:
            guard let old = renaming.part else { return }
            let constraint = tables[renaming.name]?.constraints.removeValue(forKey: old)
            tables[renaming.name]?.constraints[renaming.new] = constraint
        default:
            let new = ObjectName(renaming.new, schema: renaming.name.schema)
            move(renaming.kind, renaming.name, to: new, isNew: isNew)
        }
    }

    private mutating func move(_ kind: ObjectKind, _ old: ObjectName, to new: ObjectName, isNew: Bool) {
        switch kind {
        case .table, .view, .materializedView, .foreignTable:
            var table = tables[old] ?? Table()
            if isNew, !table.isNew { vacated.insert(old) }
            if vacated.contains(new) { table.isNew = false }
            tables[old] = nil
            tables[new] = table
            for (name, index) in indexes where index.table == old {
                indexes[name] = Index(table: new, isUnique: index.isUnique, isNew: index.isNew)
            }
        case .index:
            indexes[new] = indexes[old]
            indexes[old] = nil
        case .function, .procedure:
            routines[new] = routines[old]
            routines[old] = nil
            if isNew { vacated.insert(old) }
        default:
            if newObjects.remove(old) != nil { newObjects.insert(new) } else if isNew { vacated.insert(old) }
        }
    }

    /// The name that PostgreSQL picks.
    private static func constraintName(of constraint: TableConstraint, in table: ObjectName) -> String {
        let columns = constraint.columns.joined(separator: "_")
        return switch constraint.kind {
        case .check(let expression):
            expression.columns.count == 1
                ? "\(table.name)_\(expression.columns.first ?? "")_check" : "\(table.name)_check"
        case .foreignKey: "\(table.name)_\(columns)_fkey"
        case .unique: "\(table.name)_\(columns)_key"
        case .primaryKey: "\(table.name)_pkey"
        case .exclusion: "\(table.name)_\(columns)_excl"
        case .unnamed: "\(table.name)_\(columns)"
        }
    }

    private static func indexName(of index: IndexDefinition) -> ObjectName {
        let columns = index.columns.map { $0 ?? "expr" }.joined(separator: "_")
        return ObjectName("\(index.table.name)_\(columns)_idx", schema: index.table.schema)
    }
}
