extension Judgement {
    mutating func add(_ constraint: TableConstraint, to table: ObjectName) {
        switch constraint.kind {
        case .check(let expression): addCheck(expression, constraint, to: table)
        case .foreignKey(let other): addKey(to: other, constraint, table)
        case .unique, .primaryKey: addUnique(constraint, to: table)
        case .exclusion:
            take(.accessExclusive, on: table, .long, .uniqueBuildsIndex, "an index is built over all rows")
            guard !schema.isNew(table) else { return }
            find(.addExclusion, .depends, "rows of the stable version that overlap are refused")
        case .unnamed: break
        }
    }

    private mutating func addCheck(
        _ expression: Expression,
        _ constraint: TableConstraint,
        to table: ObjectName
    ) {
        scan(.accessExclusive, table, constraint, "the CHECK reads all rows")
        let columns = expression.columns.sorted()
        guard !schema.isNew(table) else { return }
        guard schema.areNew(columns, of: table) else {
            return find(
                .addCheck,
                .depends,
                "what the stable version writes to \(table) and the CHECK refuses fails"
                    + Self.despite(constraint)
            )
        }
        let refused = columns.filter { column in
            let hasValue = schema.tables[table]?.column(column)?.hasValue ?? false
            return expression.refusesNullOf.contains(column) && !hasValue
        }
        guard let column = refused.first else {
            guard expression.mayRefuseNull else { return }
            return find(.addCheck, .depends, "the CHECK may refuse the NULL that the stable version leaves")
        }
        find(.addCheck, .breaks, "the stable version leaves \(column) NULL, which the CHECK refuses")
    }

    private mutating func addKey(
        to other: ObjectName,
        _ constraint: TableConstraint,
        _ table: ObjectName
    ) {
        scan(.shareRowExclusive, table, constraint, "the foreign key reads all rows")
        take(.shareRowExclusive, on: other)
        guard !isLeftNull(constraint.columns, of: table) else { return }
        let columns = constraint.columns.joined(separator: ", ")
        find(
            .addForeignKey,
            .depends,
            "a row of \(table) whose \(columns) is not in \(other) is refused, and so is deleting what it "
                + "points to" + Self.despite(constraint)
        )
    }

    private mutating func addUnique(_ constraint: TableConstraint, to table: ObjectName) {
        if constraint.index == nil {
            take(.accessExclusive, on: table, .long, .uniqueBuildsIndex, "an index is built over all rows")
        } else {
            take(.accessExclusive, on: table)
        }
        guard !schema.isNew(table) else { return }
        if constraint.kind == .primaryKey {
            for column in constraint.columns { judge(.setNotNull(column: column), of: table) }
        }
        // With an index, that index is what began to refuse, and its own statement was judged.
        guard constraint.index == nil, !isLeftNull(constraint.columns, of: table) else { return }
        findUnique(constraint.columns, of: table)
    }

    func isLeftNull(_ columns: [String], of table: ObjectName) -> Bool {
        guard schema.areNew(columns, of: table) else { return false }
        return schema.isNew(table)
            || columns.contains { schema.tables[table]?.column($0)?.hasValue != true }
    }

    mutating func findUnique(_ columns: [String], of table: ObjectName) {
        find(
            .addUnique,
            .depends,
            "a row of the stable version that repeats \(columns.joined(separator: ", ")) of "
                + "\(table) is refused"
        )
    }

    private mutating func scan(
        _ level: LockLevel,
        _ table: ObjectName,
        _ constraint: TableConstraint,
        _ what: String
    ) {
        if constraint.isValidated {
            take(level, on: table, .long, .constraintScan, what)
        } else {
            take(level, on: table)
        }
    }

    private static func despite(_ constraint: TableConstraint) -> String {
        constraint.isValidated ? "" : "; NOT VALID spares the rows that are there, not new ones"
    }

    // MARK: drop

    mutating func dropConstraint(_ name: String, of table: ObjectName) {
        take(.accessExclusive, on: table)
        guard !schema.isNew(table) else { return }
        switch schema.tables[table]?.constraints[name]?.kind {
        case .check: return
        case .foreignKey(let other): return take(.accessExclusive, on: other)
        case .unique, .primaryKey, .exclusion: break
        case .unnamed, nil:
            // Names that PostgreSQL gives by itself.
            if ["_check", "_fkey", "_not_null"].contains(where: name.hasSuffix) { return }
        }
        find(
            .dropConstraint,
            .depends,
            "if \(name) is a key or UNIQUE, the stable version's ON CONFLICT on its columns fails: "
                + "\"no unique or exclusion constraint matching\""
        )
    }
}
