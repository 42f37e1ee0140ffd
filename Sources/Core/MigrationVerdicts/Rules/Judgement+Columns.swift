extension Judgement {
    mutating func alter(_ table: ObjectName, _ changes: [TableChange]) {
        for (index, change) in changes.enumerated() {
            // What the same statement sets again is not dropped.
            if case .dropDefault(let column) = change,
                changes[(index + 1)...].contains(where: {
                    if case .setDefault(column, let value) = $0 { !value.isNull } else { false }
                })
            {
                continue
            }
            judge(change, of: table)
        }
    }

    mutating func judge(_ change: TableChange, of table: ObjectName) {
        switch change {
        case .addColumn(let column, let skips): add(column, to: table, skipsExisting: skips)
        case .dropColumn(let name, let skips): drop(name, of: table, skipsMissing: skips)
        case .setType(let column, let type, let using): setType(column, type, using, of: table)
        case .setNotNull(let column): setNotNull(column, of: table)
        case .dropNotNull(let column):
            take(.accessExclusive, on: table)
            guard !schema.isNew(column, of: table) else { return }
            find(
                .dropNotNull,
                .compatible,
                "the stable version may meet a NULL in \(table).\(column) that the candidate writes"
            )
        case .setDefault(let column, let value): setDefault(column, value, of: table)
        case .dropDefault(let column): dropDefault(column, of: table)
        case .addConstraint(let constraint): add(constraint, to: table)
        case .dropConstraint(let name): dropConstraint(name, of: table)
        case .validateConstraint:
            take(.shareUpdateExclusive, on: table)
            isSlow(on: table)
        case .attachPartition(let child): attach(child, to: table)
        case .detachPartition(let child, let isConcurrent):
            detach(child, from: table, isConcurrent: isConcurrent)
        case .setOwner: changeOwner(.table, table)
        case .restrictRows:
            take(.accessExclusive, on: table)
            guard !schema.isNew(table) else { return }
            find(
                .rowLevelSecurity,
                .depends,
                "unless it owns \(table) and is not forced, the stable version's role sees and writes "
                    + "only the rows that a policy grants it"
            )
        case .move(let what): take(.accessExclusive, on: table, .rewrite, .tableRewrite, "\(what) writes all")
        case .setParameter: take(.shareUpdateExclusive, on: table)
        case .adjust: take(.accessExclusive, on: table)
        case .switchBehaviour(let what):
            take(.accessExclusive, on: table)
            guard !schema.isNew(table) else { return }
            find(
                .tableBehaviour,
                .depends,
                "\(what) changes what happens when the stable version writes \(table)"
            )
        case .unseen(let what): cannotSee(.noRule, "the linter has no rule for \(what) of \(table)")
        }
    }

    // MARK: add and drop

    private mutating func add(_ column: ColumnDefinition, to table: ObjectName, skipsExisting: Bool) {
        take(.accessExclusive, on: table)
        guard !schema.isNew(table) else { return }
        if skipsExisting, schema.tables[table]?.column(column.name) != nil { return }
        find(
            .addColumn,
            .prepared,
            "open sessions of the stable version with a prepared SELECT * of \(table) fail once: "
                + "\"cached plan must not change result type\""
        )
        let domain = ObjectName(column.type.name)
        if column.isNotNull || schema.strictDomains.contains(domain), !column.hasValue {
            find(
                .addColumnNotNull,
                .breaks,
                "the stable version's INSERT into \(table) does not name \(column.name) and is refused"
                    + (schema.isEmpty(table) ? "" : "; where the table has rows, the statement itself fails")
            )
        }
        if column.takesNumbers || column.defaultValue?.isVolatile == true {
            take(
                .accessExclusive,
                on: table,
                .rewrite,
                .volatileDefault,
                "every row gets a value of its own, which writes all"
            )
        }
        if let generated = column.generated {
            take(.accessExclusive, on: table, .rewrite, .tableRewrite, "the generated column writes all")
            if generated.mayFail {
                find(
                    .failingExpression,
                    .depends,
                    "a row of the stable version for which the expression of \(column.name) fails is refused"
                )
            }
        }
        for constraint in column.constraints { add(constraint, with: column, to: table) }
    }

    /// A constraint that comes with its column, which the stable version leaves at its default.
    private mutating func add(
        _ constraint: TableConstraint,
        with column: ColumnDefinition,
        to table: ObjectName
    ) {
        let value = column.hasValue ? "its default" : "NULL"
        switch constraint.kind {
        case .check(let expression):
            take(.accessExclusive, on: table, .long, .constraintScan, "the CHECK reads all rows")
            let others = expression.columns.subtracting([column.name])
            let known = others.filter { !schema.isNew($0, of: table) }.sorted()
            if !known.isEmpty {
                find(.addCheck, .depends, "the CHECK also holds for \(known.joined(separator: ", "))")
            } else if !column.hasValue, expression.refusesNullOf.contains(column.name) {
                find(
                    .addCheck,
                    .breaks,
                    "the stable version leaves \(column.name) NULL, which the CHECK refuses"
                )
            } else if !column.hasValue, expression.mayRefuseNull {
                find(.addCheck, .depends, "the CHECK may refuse the NULL that the stable version leaves")
            }
        case .foreignKey(let other):
            take(.shareRowExclusive, on: other)
            guard column.hasValue else { return }
            take(.accessExclusive, on: table, .long, .constraintScan, "the foreign key reads all rows")
            find(
                .addForeignKey,
                .depends,
                "a row of the stable version gets \(value), which \(other) must have"
            )
        case .unique, .primaryKey, .exclusion:
            take(.accessExclusive, on: table, .long, .uniqueBuildsIndex, "an index is built over all rows")
            guard column.hasValue, !column.takesNumbers, column.defaultValue?.isVolatile != true else {
                return
            }
            find(.addUnique, .breaks, "the stable version's second row gets \(value) of \(column.name) again")
        case .unnamed: break
        }
    }

    private mutating func drop(_ column: String, of table: ObjectName, skipsMissing: Bool) {
        take(.accessExclusive, on: table)
        guard !schema.isNew(column, of: table) else { return }
        if skipsMissing, schema.isAbsent(column, of: table) { return }
        find(
            .dropColumn,
            .breaks,
            "every statement of the stable version that names \(table).\(column), and every SELECT * and "
                + "positional INSERT, fails or changes; the data is gone"
        )
    }

    // MARK: type

    private mutating func setType(
        _ column: String,
        _ type: ColumnType,
        _ using: Expression?,
        of table: ObjectName
    ) {
        let change = TypeChange.from(schema.tables[table]?.column(column)?.type, to: type)
        if change.rewrites || using?.isPlain == false {
            take(.accessExclusive, on: table, .rewrite, .tableRewrite, "the new type writes all rows")
        } else {
            take(.accessExclusive, on: table)
        }
        guard !schema.isNew(column, of: table), change.compatibility > .compatible else { return }
        find(change.rule, change.compatibility, "\(table).\(column): \(change.why)")
    }

    // MARK: NULL and defaults

    private mutating func setNotNull(_ column: String, of table: ObjectName) {
        let known = schema.tables[table]?.column(column)
        let isProven = schema.tables[table]?.constraints.values.contains { constraint in
            guard case .check(let expression) = constraint.kind else { return false }
            return constraint.isValidated && expression.refusesNullOf.contains(column)
        }
        if isProven == true || known?.isNotNull == true {
            take(.accessExclusive, on: table)
        } else {
            take(.accessExclusive, on: table, .long, .notNullScan, "SET NOT NULL reads all rows")
        }
        guard known?.isNotNull != true, !schema.isNew(table) else { return }
        if known?.isNew == true {
            guard known?.hasValue != true else { return }
            find(
                .addColumnNotNull,
                .breaks,
                "the stable version's INSERT into \(table) does not name \(column) and is refused"
            )
        } else {
            find(
                .setNotNull,
                .depends,
                "a NULL that the stable version writes to \(table).\(column) is refused; one that is there "
                    + "makes the statement fail"
            )
        }
    }

    private mutating func setDefault(_ column: String, _ value: Expression, of table: ObjectName) {
        guard !value.isNull else { return dropDefault(column, of: table) }
        take(.accessExclusive, on: table)
        guard !schema.isNew(column, of: table) else { return }
        let known = schema.tables[table]
        let isConstrained = known?.constraints.values.contains { $0.columns.contains(column) } ?? true
        let isUnchecked = known?.hasAllColumns != true || isConstrained
        find(
            .setDefault,
            isUnchecked ? .depends : .compatible,
            "rows that the stable version inserts without \(column) get the new value from now on"
                + (isUnchecked ? "; a constraint that refuses it refuses them" : "")
        )
    }

    private mutating func dropDefault(_ column: String, of table: ObjectName) {
        take(.accessExclusive, on: table)
        guard !schema.isNew(table), let known = schema.tables[table]?.column(column) else {
            guard !schema.isNew(table) else { return }
            return find(
                .dropDefault,
                .depends,
                "if \(table).\(column) is NOT NULL, the stable version's INSERT without it is refused; else "
                    + "its rows get NULL"
            )
        }
        switch (known.hasValue, known.isNotNull) {
        case (false, _): break
        case (_, true):
            find(
                .dropDefault,
                .breaks,
                "\(table).\(column) is NOT NULL: the stable version's INSERT without it is refused"
            )
        default:
            guard !known.isNew else { return }
            find(
                .dropDefault,
                .depends,
                "the stable version's rows without \(column) get NULL where they got the default"
            )
        }
    }
}
