extension Judgement {
    // MARK: functions, rules

    mutating func create(_ routine: RoutineDefinition) {
        let all = schema.routines[routine.name] ?? []
        let known = all.filter { !$0.isNew }
        if routine.replaces, routine.returnsTrigger, all.contains(where: \.isNew) {
            judge(routine.body, "the trigger function \(routine.name)", isBefore: true, on: nil)
        }
        if routine.replaces {
            let same = known.filter { $0.parameters == routine.parameters }
            guard !same.isEmpty || (known.isEmpty && !schema.isComplete) else { return }
            find(.replaceFunction, .brief, "who calls \(routine.name) waits for a moment")
            find(
                .replaceFunction,
                .unknown,
                "what the stable version calls as \(routine.name) gets another body, which the "
                    + "linter does not see"
            )
        } else if !routine.returnsTrigger, known.isEmpty, all.isEmpty, !schema.isComplete,
            !schema.vacated.contains(routine.name)
        {
            find(
                .replaceFunction,
                .unknown,
                "if there is another \(routine.name), a call by the stable version may find this "
                    + "one, or be ambiguous"
            )
        } else if known.contains(where: { routine.takes($0.parameters.count) }) {
            find(
                .replaceFunction,
                .depends,
                "a call of \(routine.name) by the stable version may now find this one, or be ambiguous"
            )
        }
    }

    mutating func restrict(_ kind: ObjectKind, _ name: String, _ table: ObjectName) {
        take(.accessExclusive, on: table)
        guard !schema.isNew(table) else { return }
        if kind == .policy {
            find(
                .rowLevelSecurity,
                .depends,
                "where row level security is on, the policy \(name) changes which rows of "
                    + "\(table) the stable "
                    + "version sees and writes"
            )
        } else {
            find(
                .rewriteRule,
                .unknown,
                "the rule \(name) rewrites the stable version's statements on \(table)"
            )
        }
    }

    mutating func run(_ body: RoutineBody, _ place: String) {
        find(.hiddenBody, .unknown, "\(place) decides when it runs what it does")
        for statement in body.statements { include(statement, "in \(place)") }
        for what in body.unseen { cannotSee(.hiddenBody, "\(place) \(what)") }
    }

    // MARK: types, sequences

    mutating func addValue(_ value: String, to type: ObjectName) {
        find(.addEnumValue, .brief, "who uses \(type) waits for a moment")
        guard !schema.newObjects.contains(type) else { return }
        find(
            .addEnumValue,
            .compatible,
            "the stable version may read '\(value)', which it does not know, once the candidate writes it"
        )
    }

    mutating func alter(_ domain: ObjectName, tightens: Bool) {
        guard tightens, !schema.newObjects.contains(domain) else { return }
        find(.changeDomain, .long, "every table with a column of \(domain) is read while nobody writes it")
        find(.changeDomain, .depends, "what the stable version writes and \(domain) now refuses fails")
    }

    mutating func alter(_ sequence: ObjectName, _ options: [String]) {
        guard !schema.newObjects.contains(sequence), options.contains(where: { $0 != "owned_by" }) else {
            return
        }
        find(.changeSequence, .brief, "who asks \(sequence) for a number waits for a moment")
        find(
            .changeSequence,
            .depends,
            "the stable version gets other numbers of \(sequence), which may be taken or too large for it"
        )
    }
}
