extension Judgement {
    mutating func create(_ definition: TableDefinition) {
        guard !definition.isTemporary else { return }
        let foreign =
            definition.constraints + definition.columns.flatMap(\.constraints)
        for constraint in foreign {
            if case .foreignKey(let other) = constraint.kind, other != definition.name {
                take(.shareRowExclusive, on: other)
            }
        }
        for parent in definition.parents {
            take(definition.isPartition ? .accessExclusive : .shareUpdateExclusive, on: parent)
        }
    }

    mutating func create(_ index: IndexDefinition) {
        if index.isConcurrent {
            take(.shareUpdateExclusive, on: index.table)
            mustNotBeInTransaction("CREATE INDEX CONCURRENTLY")
            isSlow(on: index.table)
        } else {
            take(
                .share,
                on: index.table,
                .long,
                .indexNotConcurrent,
                "writers wait while the index is built over all rows"
            )
        }
        guard !schema.isNew(index.table) else { return }
        if !index.computed.isPlain {
            find(.failingExpression, .depends, "a row for which the index's expression fails is refused")
        }
        guard index.isUnique else { return }
        let columns = index.columns.compactMap { $0 }
        guard columns.count < index.columns.count || !isLeftNull(columns, of: index.table) else { return }
        findUnique(columns.isEmpty ? ["the expression"] : columns, of: index.table)
    }

    // MARK: partitions

    mutating func attach(_ child: ObjectName, to table: ObjectName) {
        take(.shareUpdateExclusive, on: table)
        guard !schema.isNew(child) else { return }
        take(.accessExclusive, on: child, .long, .attachScan, "ATTACH PARTITION reads all rows")
        find(
            .partition,
            .depends,
            "the rows of \(child) show in \(table), and \(child) refuses rows beyond its bounds"
        )
    }

    mutating func detach(_ child: ObjectName, from table: ObjectName, isConcurrent: Bool) {
        if isConcurrent { mustNotBeInTransaction("DETACH PARTITION CONCURRENTLY") }
        take(isConcurrent ? .shareUpdateExclusive : .accessExclusive, on: table)
        guard !schema.isNew(child) else { return }
        find(.partition, .depends, "the stable version no longer finds the rows of \(child) in \(table)")
    }

    // MARK: views

    mutating func create(_ view: ViewDefinition) {
        guard view.replaces, !schema.isNew(view.name), !schema.isAbsent(view.name) else { return }
        take(.accessExclusive, on: view.name)
        findReplacement(of: view.name, by: view)
    }

    /// What a new definition under a known name means.
    mutating func findReplacement(of name: ObjectName, by view: ViewDefinition) {
        guard let old = schema.tables[name], old.hasAllColumns, let new = view.columns else {
            return find(
                .replaceView,
                .depends,
                "if the new \(name) lacks a column or a row that the stable version reads, it "
                    + "fails or reads less"
            )
        }
        let missing = old.columns.map(\.name).filter { !new.contains($0) }
        if !missing.isEmpty {
            let list = missing.joined(separator: ", ")
            find(.replaceView, .depends, "the new \(name) has no \(list): who reads it fails")
        } else if new.count > old.columns.count {
            find(.replaceView, .prepared, "open sessions with a prepared SELECT * of \(name) fail once")
        } else {
            find(
                .replaceView,
                .compatible,
                "\(name) has the same columns; its rows are by the new definition"
            )
        }
    }

    // MARK: rename

    mutating func renameTable(_ renaming: Renaming) {
        let (old, new) = (renaming.name, ObjectName(renaming.new, schema: renaming.name.schema))
        take(.accessExclusive, on: old)
        guard !schema.isNew(old) else { return }
        for statement in upcoming {
            switch statement {
            case .createView(let view) where view.name == old && view.writesThroughTo == new:
                return findView(view, inPlaceOf: old)
            case .createTable(let table) where table.name == old:
                return findSwap(of: old)
            case .rename(let other) where other.new == old.name && other.name.schema == old.schema:
                if other.part == nil { return findSwap(of: old) }
            default: continue
            }
        }
        find(.renameTable, .breaks, "the stable version's statements name \(old), which is gone")
    }

    private mutating func findSwap(of name: ObjectName) {
        find(
            .renameTable,
            .depends,
            "another table takes the name \(name): the stable version reads and writes that "
                + "one, with its rows "
                + "and columns"
        )
    }

    private mutating func findView(_ view: ViewDefinition, inPlaceOf old: ObjectName) {
        guard session.isInTransaction else {
            return find(
                .renameTable,
                .depends,
                "between RENAME and CREATE VIEW the stable version finds no \(old): put both in "
                    + "one transaction"
            )
        }
        let known = schema.tables[old]
        let isCovered =
            view.isWhole && view.hasAllRows
            || (view.hasAllRows && known?.hasAllColumns == true
                && known?.columns.allSatisfy { view.columns?.contains($0.name) == true } == true)
        find(
            .renameTable,
            isCovered ? .compatible : .depends,
            isCovered
                ? "an updatable view keeps the name \(old) alive"
                : "the view \(old) may lack columns or rows that the stable version uses"
        )
    }
}
