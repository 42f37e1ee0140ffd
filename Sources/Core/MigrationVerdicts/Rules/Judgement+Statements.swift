extension Judgement {
    /// Asks the rules for the kind of statement that it is.
    mutating func judge(_ statement: Statement) {
        switch statement {
        case .alterTable(let table, let changes): alter(table, changes)
        case .createTable(let table): create(table)
        case .createIndex(let index): create(index)
        case .createView(let view): create(view)
        case .createRoutine(let routine): create(routine)
        case .createTrigger(let trigger): create(trigger)
        case .restrict(let kind, let name, let table): restrict(kind, name, table)
        case .drop(let kind, let objects, let isConcurrent, let skips):
            for object in objects { drop(kind, object, isConcurrent: isConcurrent, skipsMissing: skips) }
        case .rename(let renaming): rename(renaming)
        case .setSchema(let kind, let name, let schema): move(kind, name, to: schema)
        case .setOwner(let kind, let name): changeOwner(kind, name)
        case .addEnumValue(let type, let value): addValue(value, to: type)
        case .renameEnumValue(let type, let old):
            find(.renameEnumValue, .brief, "who uses \(type) waits for a moment")
            find(
                .renameEnumValue,
                .breaks,
                "the stable version reads and writes '\(old)' of \(type), which is gone"
            )
        case .alterDomain(let domain, let tightens): alter(domain, tightens: tightens)
        case .alterSequence(let sequence, let options): alter(sequence, options)
        case .alterRole(let role):
            find(
                .changeRole,
                .depends,
                "if the stable version logs in as \(role), it may no longer do what it does"
            )
        case .revoke(let objects): revoke(objects)
        case .truncate, .update, .delete, .insert, .query, .call: judgeData(statement)
        case .set, .begin, .commit, .lock, .reindex, .rewrite, .refresh: judgeService(statement)
        case .run(let body): run(body, "the DO block")
        case .create, .createDomain, .grant, .harmless: break
        case .unseen(let what): cannotSee(.noRule, "the linter has no rule for \(what)")
        case .unparsed(let why): cannotSee(.notParsed, why)
        }
    }
}
