extension Judgement {
    mutating func create(_ trigger: TriggerDefinition) {
        take(.shareRowExclusive, on: trigger.table)
        guard !schema.isNew(trigger.table) else { return }
        judge(
            schema.routines[trigger.function]?.last?.body,
            "the trigger \(trigger.name)",
            isBefore: trigger.isBefore,
            on: trigger.table
        )
    }

    /// What a trigger does with the stable version's rows.
    mutating func judge(_ body: RoutineBody?, _ place: String, isBefore: Bool, on table: ObjectName?) {
        guard let body else {
            return find(
                .trigger,
                .unknown,
                "\(place) runs for what the stable version writes, and the linter does not see what it does"
            )
        }
        if let refusal = body.refusal ?? (isBefore && body.returnsNull ? "RETURN NULL" : nil) {
            find(.trigger, .depends, "\(place) refuses rows that the stable version may write: \(refusal)")
        }
        guard let doubt = doubt(about: body, on: table) else { return }
        find(.trigger, .unknown, "\(place) \(doubt) for what the stable version writes")
    }

    /// Why it cannot be told that nothing in `body` fails or harms; `nil` when it can.
    private func doubt(about body: RoutineBody, on table: ObjectName?) -> String? {
        if let first = body.unseen.first { return first }
        guard body.statements.isEmpty else { return "runs SQL statements" }
        guard !body.columns.isEmpty || !body.assignments.isEmpty else { return nil }
        guard let known = table.flatMap({ schema.tables[$0] }), known.hasAllColumns else {
            return "reads and writes columns that are not known here (--schema or --database tell them)"
        }
        let missing = body.columns.union(body.assignments.map(\.column)).filter { known.column($0) == nil }
        if let name = missing.min() { return "names a column \(name) that is not there" }
        return body.assignments.lazy.compactMap { doubt(about: $0, in: known) }.first
    }

    private func doubt(about assignment: RowAssignment, in table: Schema.Table) -> String? {
        // The stable version does not know the column, so it never changes it.
        if assignment.guards.contains(where: { table.column($0)?.isNew == true }) { return nil }
        let column = assignment.column
        guard let target = table.column(column), let type = target.type else { return "writes \(column)" }
        guard !table.constraints.values.contains(where: { $0.columns.contains(column) }) else {
            return "writes \(column), which has constraints,"
        }
        guard target.isNotNull == false || assignment.keepsOwn else {
            return "may write NULL to \(column), which is NOT NULL,"
        }
        let texts: Set = ["text", "varchar"]
        for source in assignment.sources where source != column {
            guard let from = table.column(source)?.type else { return "writes \(column)" }
            let fits =
                assignment.isText
                ? texts.contains(from.name) : TypeChange.from(from, to: type).compatibility <= .prepared
            guard fits else { return "writes \(column) from \(source), which may not fit," }
        }
        guard !assignment.isText || (texts.contains(type.name) && type.modifiers.isEmpty) else {
            return "writes text to \(column), which it may not fit,"
        }
        return nil
    }
}
