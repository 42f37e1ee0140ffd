package import DeployCore
package import DeployPorts

/// What every ``RecordStore`` promises, checked against a real one.
///
/// Each promise works on a kind of its own, so that one store serves them all.
package struct RecordStoreContract: Sendable {
    private let open: @Sendable () async throws -> any RecordStore
    private let start: Timestamp

    /// `open` opens the same, at first empty, store at each call.
    package init(
        startingAt start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000),
        open: @escaping @Sendable () async throws -> any RecordStore
    ) {
        self.start = start
        self.open = open
    }

    /// The promises that the store does not keep, in words; empty when it keeps all.
    package func brokenPromises() async throws -> [String] {
        let store = try await open()
        var broken = Broken()
        try await documentsComeBack(store, &broken)
        try await keysAreInOrder(store, &broken)
        try await nobodyOverwritesUnseen(store, &broken)
        try await dueOnesAreClaimedOnce(store, &broken)
        try await manyClaimAtOnce(&broken)
        return broken.promises
    }

    private func documentsComeBack(_ store: any RecordStore, _ broken: inout Broken) async throws {
        let kind = Record.Kind(rawValue: "comes back")
        let value = "{\"ü\": \"€ \\u0000 \\ '\n\"}"
        let written = try await store.insert(value, as: kind, key: "a/ü 1", due: start)
        broken.unless(written?.value == value && written?.due == start, "an insert tells what it wrote")
        let read = try await open().record(kind, "a/ü 1")
        broken.unless(read == written && read != nil, "a document comes back as it was written")
        let again = try await store.insert("other", as: kind, key: "a/ü 1", due: nil)
        broken.unless(again == nil, "a taken key is not given twice")
        let kept = try await store.record(kind, "a/ü 1")
        broken.unless(kept == written, "a refused insert leaves the document as it was")
        let other = try await store.insert("other", as: Record.Kind(rawValue: "x"), key: "a/ü 1", due: nil)
        broken.unless(other?.due == nil && other != nil, "a key is unique among its kind only")
        let none = try await store.record(kind, "A/ü 1")
        broken.unless(none == nil, "an unknown key has no document")
        let empty = try await store.insert("", as: kind, key: "empty", due: nil)
        let emptyRead = try await store.record(kind, "empty")
        broken.unless(emptyRead == empty && emptyRead?.value == "", "an empty value is one")
    }

    private func keysAreInOrder(_ store: any RecordStore, _ broken: inout Broken) async throws {
        let kind = Record.Kind(rawValue: "order")
        let keys = ["B", "a", "a b", "a-b", "a/b", "aB", "b", "ä", "€", "😀"]
        for key in keys.shuffled() { _ = try await store.insert(key, as: kind, key: key, due: nil) }
        let all = try await store.records(kind, after: "", limit: 100)
        broken.unless(all.map(\.key) == keys, "documents come in the order of their keys' bytes")
        let some = try await store.records(kind, after: "a b", limit: 3)
        broken.unless(some.map(\.key) == ["a-b", "a/b", "aB"], "those after a key, no more than asked for")
        let last = try await store.records(kind, after: "😀", limit: 3)
        broken.unless(last.isEmpty, "nothing comes after the last")
    }

    private func nobodyOverwritesUnseen(_ store: any RecordStore, _ broken: inout Broken) async throws {
        let kind = Record.Kind(rawValue: "seen")
        guard let first = try await store.insert("1", as: kind, key: "k", due: start) else {
            return broken.unless(false, "a free key is given")
        }
        let second = try await store.replace(first, with: "2", due: nil)
        broken.unless(second?.value == "2" && second?.due == nil, "a replacement tells what it wrote")
        broken.unless((second?.revision ?? 0) > first.revision, "revisions rise with a change")
        let late = try await store.replace(first, with: "late", due: nil)
        let lateRemoval = try await store.remove(first)
        broken.unless(late == nil && !lateRemoval, "what was changed meanwhile is not overwritten or removed")
        let read = try await store.record(kind, "k")
        broken.unless(read == second && read != nil, "a refused change leaves the document as it was")
        guard let second else { return }
        let isGone = try await store.remove(second)
        let gone = try await store.record(kind, "k")
        broken.unless(isGone && gone == nil, "a removed document is gone")
        let twice = try await store.remove(second)
        let dead = try await store.replace(second, with: "3", due: nil)
        broken.unless(!twice && dead == nil, "what is gone is not removed or replaced")
        let anew = try await store.insert("anew", as: kind, key: "k", due: nil)
        for old in [first, second] {
            let overwritten = try await store.replace(old, with: "old", due: nil)
            broken.unless(overwritten == nil, "a document that was written anew is not the one known before")
        }
        let kept = try await store.record(kind, "k")
        broken.unless(kept == anew && anew != nil, "the new document stays")
    }

    private func dueOnesAreClaimedOnce(_ store: any RecordStore, _ broken: inout Broken) async throws {
        let kind = Record.Kind(rawValue: "due")
        for (key, seconds) in [("a", 3), ("b", 1), ("c", 2), ("later", 9)] {
            let due = start.advanced(by: .seconds(Int64(seconds)))
            _ = try await store.insert(key, as: kind, key: key, due: due)
        }
        _ = try await store.insert("never", as: kind, key: "never", due: nil)
        let (now, until) = (start.advanced(by: .seconds(3)), start.advanced(by: .seconds(60)))
        let early = try await store.claim(kind, dueAt: start, until: until, limit: 9)
        broken.unless(early.isEmpty, "nothing is claimed before it is due")
        let two = try await store.claim(kind, dueAt: now, until: until, limit: 2)
        broken.unless(two.map(\.key) == ["b", "c"], "the earliest are claimed first")
        broken.unless(two.allSatisfy { $0.due == until && $0.value == $0.key }, "a claim tells the new time")
        let rest = try await store.claim(kind, dueAt: now, until: until, limit: 9)
        broken.unless(rest.map(\.key) == ["a"], "what is claimed is not claimed by somebody else")
        if let b = two.first, let c = two.last {
            let isGone = try await store.remove(b)
            let replaced = try await store.replace(c, with: "c", due: nil)
            broken.unless(isGone && replaced != nil, "who claimed a document removes or replaces it")
        }
        let again = try await store.claim(kind, dueAt: until, until: until, limit: 9)
        broken.unless(again.map(\.key) == ["later", "a"], "what was not taken care of in time is due again")
        let old = try await store.claim(Record.Kind(rawValue: "none"), dueAt: until, until: until, limit: 9)
        broken.unless(old.isEmpty, "other kinds are let be")
    }

    private func manyClaimAtOnce(_ broken: inout Broken) async throws {
        let kind = Record.Kind(rawValue: "many")
        let stores = [try await open(), try await open()]
        for number in 1...40 { _ = try await stores[0].insert("", as: kind, key: "\(number)", due: start) }
        let until = start.advanced(by: .seconds(60))
        let claimed = try await withThrowingTaskGroup(of: [String].self) { group in
            for worker in 0..<8 {
                group.addTask {
                    var keys: [String] = []
                    // Rows that another one is about to claim are passed over: an empty hand is not the end.
                    for _ in 0..<40 {
                        let records = try await stores[worker % 2]
                            .claim(kind, dueAt: start, until: until, limit: 3)
                        keys += records.map(\.key)
                    }
                    return keys
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        broken.unless(claimed.count == 40, "each is claimed once: \(claimed.count) of 40")
        broken.unless(Set(claimed).count == 40, "none is claimed by two")
    }

    private struct Broken {
        var promises: [String] = []

        mutating func unless(_ holds: Bool, _ promise: String) {
            if !holds { promises.append(promise) }
        }
    }
}
