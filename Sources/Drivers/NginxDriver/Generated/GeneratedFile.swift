import DeployCore
import DeployPorts
import SafeFile

/// A file that is bgdeploy's as a whole: an include for the `http` context with the upstreams of one service
/// and the variable `$SERVICE_pool`, which names the upstream for a request.
///
/// Written anew at every change, from the playbook and the split alone. The text carries its own digest, so
/// that an edit by hand is found although nothing else is known.
struct GeneratedFile: SplitText {
    private let bytes: [UInt8]
    private let path: String
    private let settings: NginxSettings
    private let told: Generation?
    private let isWhole: Bool

    /// Refuses a file that does not begin as ours do: it is somebody's, and is never overwritten.
    init(_ bytes: [UInt8], path: String, settings: NginxSettings) throws(LoadBalancerError) {
        let first = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard first == GeneratedText.title(settings.service) else {
            let ours = first.hasPrefix(GeneratedText.titleStart)
            let found = ours ? "belongs to another service (`\(first)`)" : "was not written by bgdeploy"
            throw .misconfigured(
                "\(path) \(found), and `mode: generated` wants a file of its own: name one that does not exist yet, or move this one away"
            )
        }
        self.bytes = bytes
        self.path = path
        self.settings = settings
        let found = GeneratedText.generation(in: bytes)
        let told = found.flatMap { Generation(String(decoding: bytes[$0], as: UTF8.self)) }
        self.told = told
        isWhole = told != nil && found.flatMap { GeneratedText.digest(bytes, blankIn: $0) } == told?.digest
    }

    /// The split that the text says it makes, even when it was edited since.
    var toldSplit: Split? {
        let names = settings.environments.map(\.name).sorted()
        return told.flatMap { $0.split.environments == names ? $0.split : nil }
    }

    var split: Split? { isWhole ? toldSplit : nil }

    var generation: String? { told?.description }

    /// Whether somebody changed the text after bgdeploy wrote it.
    var isEdited: Bool { !isWhole }

    var remarks: [String] {
        guard isWhole else {
            return ["\(path) was edited by hand; `bgdeploy traffic install` writes it anew"]
        }
        guard let split, let now = try? GeneratedText.bytes(for: split, settings), now != bytes else {
            return []
        }
        return ["the playbook's servers or users are not those of \(path): the next change writes them"]
    }

    /// Fails with `.drifted` when the file was edited by hand.
    func text(for split: Split) throws(LoadBalancerError) -> [UInt8] {
        guard isWhole else { throw .drifted(file: path, diff: edit) }
        return try GeneratedText.bytes(for: split, settings)
    }

    /// What somebody made of our text, as well as that can be told.
    private var edit: String {
        let ours = toldSplit.flatMap { try? GeneratedText.bytes(for: $0, settings) } ?? []
        return UnifiedDiff.text(before: ours, after: bytes, path: path)
            + "\nThe file is bgdeploy's as a whole. `bgdeploy traffic install` writes it anew."
    }
}
