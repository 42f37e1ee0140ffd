import DeployPorts

/// Compares what was to be applied with what is applied.
struct HeadCheck {
    let before: SchemaOutlook
    let after: SchemaOutlook

    /// What is not as it should be, and what to do; `nil` when all is.
    var problem: String? {
        let wanted = before.pending.map(\.name)
        if !after.pending.isEmpty {
            let names = after.pending.map(\.name)
            let new = names.filter { !wanted.contains($0) }
            let told = new.isEmpty ? "" : "; new since it began: \(new.joined(separator: ", "))"
            return "it ended, and \(names.joined(separator: ", ")) is still pending at \(head(after))\(told)"
        }
        // A tool that lists nothing tells its head alone.
        guard !after.applied.isEmpty else {
            return after.head == before.head && !wanted.isEmpty
                ? "it ended, and the head is still \(head(before)); expected it at \(wanted.last ?? "")" : nil
        }
        let new = after.names(newSince: before)
        let strangers = new.filter { !wanted.contains($0) }
        let missing = wanted.filter { !new.contains($0) }
        guard !strangers.isEmpty || !missing.isEmpty else { return nil }
        let more =
            strangers.isEmpty ? "" : "; \(strangers.joined(separator: ", ")) was applied by somebody else"
        let less = missing.isEmpty ? "" : "; \(missing.joined(separator: ", ")) is not applied"
        let expected = wanted.last ?? "no move"
        return
            "the head moved from \(head(before)) to \(head(after)), expected \(expected)\(more)\(less): "
            + "find out who else migrates this database, then run it again"
    }

    private func head(_ outlook: SchemaOutlook) -> String { outlook.head ?? "an empty history" }
}
