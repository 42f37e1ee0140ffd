package import DeployCore
package import DeployPorts

/// What people wrote down of a run, oldest first.
package struct RunRemarks {
    package struct Entry {
        package let remark: Remark
        package let at: Timestamp
        package let by: Actor
    }

    /// What is to be done, as it is numbered from 1 on.
    package struct Action {
        package let number: Int
        package let entry: Entry
        package let isDone: Bool
    }

    package let all: [Entry]

    package init(_ entries: [JournalEntry]) {
        all = entries.flatMap { entry -> [Entry] in
            guard let (remarks, actor) = entry.event.remarks else { return [] }
            return remarks.map { Entry(remark: $0, at: entry.event.at, by: actor) }
        }
    }

    package func texts(_ kind: Remark.Kind) -> [Entry] { all.filter { $0.remark.kind == kind } }

    package var actions: [Action] {
        let done = Set(texts(.done).compactMap { Int($0.remark.text) })
        return texts(.action).enumerated().map { index, entry in
            Action(number: index + 1, entry: entry, isDone: done.contains(index + 1))
        }
    }
}
