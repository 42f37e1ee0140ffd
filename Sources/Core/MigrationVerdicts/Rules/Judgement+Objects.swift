extension Judgement {
    // MARK: drop

    mutating func drop(
        _ kind: ObjectKind,
        _ object: DroppedObject,
        isConcurrent: Bool,
        skipsMissing: Bool
    ) {
        let name = object.name
        switch kind {
        case .table, .foreignTable:
            take(.accessExclusive, on: name)
            guard !schema.isNew(name), !(skipsMissing && schema.isAbsent(name)) else { return }
            find(
                .dropTable,
                .breaks,
                "the stable version's statements name \(name), which is gone with its rows"
            )
        case .view, .materializedView: dropView(name, skipsMissing: skipsMissing)
        case .index: dropIndex(name, isConcurrent: isConcurrent, skipsMissing: skipsMissing)
        case .function, .procedure: dropRoutine(object, skipsMissing: skipsMissing)
        case .trigger, .policy, .rule: dropAttached(kind, object)
        case .extension, .sequence, .schema, .type, .domain, .role, .database:
            guard !schema.newObjects.contains(name) else { return }
            if kind != .database { find(.dropObject, .brief, "whoever uses the \(kind.rawValue) waits") }
            find(
                .dropObject,
                .breaks,
                "what the stable version uses of the \(kind.rawValue) \(name) is gone"
            )
        default: cannotSee(.noRule, "the linter has no rule for dropping the \(kind.rawValue) \(name)")
        }
    }

    private mutating func dropView(_ name: ObjectName, skipsMissing: Bool) {
        take(.accessExclusive, on: name)
        guard !schema.isNew(name), !(skipsMissing && schema.isAbsent(name)) else { return }
        if upcoming.contains(.create(.materializedView, name)) {
            return find(
                .replaceView,
                .depends,
                "if the new \(name) lacks a column or a row that the stable version reads, it "
                    + "fails or reads less"
            )
        }
        for case .createView(let view) in upcoming where view.name == name {
            guard session.isInTransaction else {
                return find(
                    .dropView,
                    .depends,
                    "until it is made again, the stable version finds no \(name)"
                )
            }
            return findReplacement(of: name, by: view)
        }
        find(.dropView, .breaks, "the stable version's statements name \(name), which is gone")
    }

    private mutating func dropIndex(_ name: ObjectName, isConcurrent: Bool, skipsMissing: Bool) {
        let known = schema.indexes[name]
        if isConcurrent {
            mustNotBeInTransaction("DROP INDEX CONCURRENTLY")
        } else if let table = known?.table {
            take(.accessExclusive, on: table)
        } else {
            find(.dropIndex, .brief, "everybody who uses the table of \(name) waits for a moment")
        }
        if known.map({ $0.isNew || schema.isNew($0.table) || !$0.isUnique }) == true { return }
        if known == nil, skipsMissing, schema.isComplete { return }
        find(
            .dropIndex,
            .depends,
            "if \(name) is unique, the stable version's ON CONFLICT on its columns fails, and repeats get in"
        )
    }

    private mutating func dropRoutine(_ object: DroppedObject, skipsMissing: Bool) {
        let known = (schema.routines[object.name] ?? []).filter {
            object.parameters == nil || $0.parameters == object.parameters
        }
        if !known.isEmpty, known.allSatisfy({ $0.isNew || $0.returnsTrigger }) { return }
        if known.isEmpty, skipsMissing, schema.isComplete { return }
        find(.dropFunction, .brief, "who calls \(object.name) waits for a moment")
        for case .createRoutine(let new) in upcoming where new.name == object.name {
            let old = object.parameters ?? known.first?.parameters
            let callable = new.parameters.dropLast(max(0, new.parameters.count - (old?.count ?? 0)))
            guard let old, new.parameters.count - new.defaults <= old.count, Array(callable) == old else {
                continue
            }
            return find(
                .replaceFunction,
                .unknown,
                "the calls of the stable version find the new \(object.name), whose body the "
                    + "linter does not see"
            )
        }
        find(.dropFunction, .breaks, "the stable version's calls of \(object.name) find no such function")
    }

    private mutating func dropAttached(_ kind: ObjectKind, _ object: DroppedObject) {
        if let table = object.table {
            take(.accessExclusive, on: table)
            guard !schema.isNew(table) else { return }
        }
        let isMadeAgain = upcoming.contains { statement in
            guard case .createTrigger(let trigger) = statement else { return false }
            return kind == .trigger && trigger.name == object.name.name && trigger.table == object.table
        }
        // What comes in its place is judged by itself.
        guard !isMadeAgain else { return }
        find(
            .dropTrigger,
            .depends,
            "the \(kind.rawValue) \(object.name.name) no longer does what the stable version may rely on"
        )
    }

    // MARK: rename, move

    mutating func rename(_ renaming: Renaming) {
        let name = renaming.name
        switch renaming.kind {
        case .table, .view, .materializedView, .foreignTable: renameTable(renaming)
        case .column:
            take(.accessExclusive, on: name)
            let column = renaming.part ?? ""
            guard !schema.isNew(column, of: name) else { return }
            find(
                .renameColumn,
                .breaks,
                "the stable version's statements name \(name).\(column), which is gone"
            )
        case .index:
            find(.renameConstraint, .none, "\(name) gets another name")
            let isConstraint = ["_pkey", "_key", "_excl"].contains(where: name.name.hasSuffix)
            if isConstraint, schema.indexes[name]?.isNew != true { findConstraintName(name.name) }
        case .constraint:
            take(.accessExclusive, on: name)
            let constraint = renaming.part ?? ""
            let isPlain = ["_check", "_fkey"].contains(where: constraint.hasSuffix)
            if !schema.isNew(name), !isPlain { findConstraintName(constraint) }
        case .trigger, .policy, .rule: take(.accessExclusive, on: name)
        case .function, .procedure:
            guard schema.routines[name]?.allSatisfy({ $0.isNew }) != true else { return }
            findRenamed(renaming)
        case .sequence, .schema, .type, .domain, .extension, .role, .database, .attribute:
            guard !schema.newObjects.contains(name) else { return }
            findRenamed(renaming)
        case .other: cannotSee(.noRule, "the linter has no rule for renaming \(name)")
        }
    }

    private mutating func findRenamed(_ renaming: Renaming) {
        find(.renameObject, .brief, "who uses it waits for a moment")
        find(
            .renameObject,
            .breaks,
            "what the stable version uses by the name \(renaming.part ?? renaming.name.description) is gone"
        )
    }

    private mutating func findConstraintName(_ name: String) {
        find(
            .renameConstraint,
            .depends,
            "an ON CONFLICT ON CONSTRAINT \(name) of the stable version fails, and it does "
                + "not know the new name "
                + "in an error"
        )
    }

    mutating func move(_ kind: ObjectKind, _ name: ObjectName, to schemaName: String) {
        switch kind {
        case .table, .view, .materializedView, .foreignTable:
            take(.accessExclusive, on: name)
            guard !schema.isNew(name) else { return }
        default:
            guard !schema.newObjects.contains(name) else { return }
            find(.setSchema, .brief, "who uses it waits for a moment")
        }
        find(
            .setSchema,
            .breaks,
            "the stable version finds no \(name), unless \(schemaName) is on its search_path"
        )
    }

    mutating func changeOwner(_ kind: ObjectKind, _ name: ObjectName) {
        if kind == .table { take(.accessExclusive, on: name) }
        guard !schema.isNew(name), !schema.newObjects.contains(name) else { return }
        find(
            .changeOwner,
            .depends,
            "if the stable version's role owns \(name), it keeps only what it was granted"
        )
    }

    mutating func revoke(_ objects: [ObjectName]) {
        find(.revoke, .brief, "every session looks its rights up anew")
        guard objects.isEmpty || !objects.allSatisfy(schema.isNew) else { return }
        let what = objects.isEmpty ? "it" : objects.map(\.description).joined(separator: ", ")
        find(.revoke, .depends, "if the stable version's role needs the right to \(what), it fails")
    }
}
