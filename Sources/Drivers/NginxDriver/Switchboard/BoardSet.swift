import DeployCore
import DeployPorts
import SafeFile

/// One position of the switchboard: a folder of empty files, made once, whose name says what it does.
///
/// `0250-c2-u2.1f2e3d4c5b6a`: 25.0 % for the second environment, which is the candidate and has the chosen
/// users of that list.
struct BoardSet: Hashable, Sendable {
    /// Environments by their position in the playbook, 0 or 1.
    let tenths: Int
    /// Whose requests go to the other environment when its own servers fail; `nil` when nobody's do.
    let candidate: Int?
    /// Who has the chosen users besides its share.
    let chosen: Chosen?

    struct Chosen: Hashable, Sendable {
        let side: Int
        /// Of the list of users.
        let digest: String
    }

    /// The stable environment never falls back to the candidate: nobody may have tested it yet.
    init(
        _ split: Split,
        _ environments: [EnvironmentName],
        stable: EnvironmentName?,
        users: String?
    ) {
        tenths = split.share(of: environments[1]).tenths
        let isDivided = split.live == nil
        candidate = isDivided ? stable.flatMap(environments.firstIndex(of:)).map { 1 - $0 } : nil
        let side = split.chosen.flatMap(environments.firstIndex(of:))
        chosen = side.flatMap { side in users.map { Chosen(side: side, digest: $0) } }
    }

    /// Reads a name; `nil` for anything that is not one.
    init?(named text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = parts.first, first.utf8.count == 4, let tenths = Int(first),
            (0...1000).contains(tenths)
        else { return nil }
        var candidate: Int?
        var chosen: Chosen?
        for part in parts.dropFirst() {
            let fields = part.split(separator: ".")
            guard let place = fields.first, let side = ["1", "2"].firstIndex(of: String(place.dropFirst()))
            else { return nil }
            switch place.first {
            case "c" where fields.count == 1: candidate = side
            case "u" where fields.count == 2: chosen = Chosen(side: side, digest: String(fields[1]))
            default: return nil
            }
        }
        (self.tenths, self.candidate, self.chosen) = (tenths, candidate, chosen)
        guard name == text else { return nil }
    }

    var name: String {
        let digits = String(tenths)
        var text = String(repeating: "0", count: 4 - digits.utf8.count) + digits
        if let candidate { text += "-c\(candidate + 1)" }
        if let chosen { text += "-u\(chosen.side + 1).\(chosen.digest)" }
        return text
    }

    func split(_ environments: [EnvironmentName]) -> Split {
        Split(
            environments[1],
            Percent(tenths: tenths) ?? .zero,
            other: environments[0],
            chosen: chosen.map { environments[$0.side] }
        )
    }

    /// The file for a bucket.
    static func file(ofBucket bucket: Int) -> String {
        let digits = String(bucket)
        return String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }

    /// What tells one list of users from another.
    static func digest(of users: ChosenUsers) -> String {
        let text = users.values.sorted().joined(separator: "\n")
        return String(Digest.sha256(Array(text.utf8)).prefix(12))
    }
}
