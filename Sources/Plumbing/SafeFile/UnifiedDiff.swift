/// Differences between two texts, in the form that `diff -u` prints.
package enum UnifiedDiff {
    private struct Change {
        var old: Range<Int>
        var new: Range<Int>
    }

    /// The unified diff with three lines of context; empty when the texts are equal.
    package static func text(before: [UInt8], after: [UInt8], path: String) -> String {
        let old = lines(before)
        let new = lines(after)
        var text = ""
        for hunk in hunks(changes(from: old, to: new)) {
            if text.isEmpty { text = "--- \(path)\n+++ \(path)\n" }
            text += render(hunk, old, new)
        }
        return text
    }

    /// Lines with their ends, so that a missing last line feed is a difference.
    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
            lines.append(bytes[start...index])
            start = index + 1
        }
        if start < bytes.count { lines.append(bytes[start...]) }
        return lines
    }

    /// Runs of differing lines, in order.
    private static func changes(from old: [ArraySlice<UInt8>], to new: [ArraySlice<UInt8>]) -> [Change] {
        let head = zip(old, new).prefix { $0 == $1 }.count
        let most = min(old.count, new.count) - head
        let tail = zip(old.reversed(), new.reversed()).prefix { $0 == $1 }.count
        let end = min(tail, most)
        let middleOld = Array(old[head..<(old.count - end)])
        let middleNew = Array(new[head..<(new.count - end)])
        guard !middleOld.isEmpty || !middleNew.isEmpty else { return [] }
        // The general algorithm is quadratic in the number of differences.
        guard middleOld.count + middleNew.count <= 4000 else {
            return [Change(old: head..<(old.count - end), new: head..<(new.count - end))]
        }
        let difference = middleNew.difference(from: middleOld)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for case .remove(let offset, _, _) in difference.removals { removed.insert(offset) }
        for case .insert(let offset, _, _) in difference.insertions { inserted.insert(offset) }
        return runs(removed, inserted, middleOld.count, middleNew.count).map {
            Change(
                old: ($0.old.lowerBound + head)..<($0.old.upperBound + head),
                new: ($0.new.lowerBound + head)..<($0.new.upperBound + head)
            )
        }
    }

    private static func runs(
        _ removed: Set<Int>,
        _ inserted: Set<Int>,
        _ oldCount: Int,
        _ newCount: Int
    ) -> [Change] {
        var (old, new) = (0, 0)
        var changes: [Change] = []
        while old < oldCount || new < newCount {
            let (oldStart, newStart) = (old, new)
            while removed.contains(old) { old += 1 }
            while inserted.contains(new) { new += 1 }
            if old > oldStart || new > newStart {
                changes.append(Change(old: oldStart..<old, new: newStart..<new))
            } else {
                old += 1
                new += 1
            }
        }
        return changes
    }

    /// Changes whose contexts touch belong to one hunk.
    private static func hunks(_ changes: [Change]) -> [[Change]] {
        var hunks: [[Change]] = []
        for change in changes {
            if let last = hunks.last?.last, change.old.lowerBound - last.old.upperBound <= 6 {
                hunks[hunks.count - 1].append(change)
            } else {
                hunks.append([change])
            }
        }
        return hunks
    }

    private static func render(
        _ hunk: [Change],
        _ old: [ArraySlice<UInt8>],
        _ new: [ArraySlice<UInt8>]
    ) -> String {
        guard let first = hunk.first, let last = hunk.last else { return "" }
        let lead = min(3, first.old.lowerBound)
        let trail = min(3, old.count - last.old.upperBound)
        let oldRange = (first.old.lowerBound - lead)..<(last.old.upperBound + trail)
        let newRange = (first.new.lowerBound - lead)..<(last.new.upperBound + trail)
        var text = "@@ -\(place(oldRange)) +\(place(newRange)) @@\n"
        var position = oldRange.lowerBound
        for change in hunk {
            for line in old[position..<change.old.lowerBound] { text += marked(" ", line) }
            for line in old[change.old] { text += marked("-", line) }
            for line in new[change.new] { text += marked("+", line) }
            position = change.old.upperBound
        }
        for line in old[position..<oldRange.upperBound] { text += marked(" ", line) }
        return text
    }

    private static func place(_ range: Range<Int>) -> String {
        let start = range.isEmpty ? range.lowerBound : range.lowerBound + 1
        return range.count == 1 ? "\(start)" : "\(start),\(range.count)"
    }

    private static func marked(_ mark: String, _ line: ArraySlice<UInt8>) -> String {
        let text = mark + String(decoding: line, as: UTF8.self)
        return line.last == UInt8(ascii: "\n") ? text : text + "\n\\ No newline at end of file\n"
    }
}
