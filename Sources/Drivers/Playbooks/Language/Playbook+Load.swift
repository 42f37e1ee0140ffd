import DeployPorts
import SafeFile

extension Playbook {
    /// Decodes a playbook file's bytes, and looks at nothing else: no server, no variable, no file.
    ///
    /// `path` is as the user named it, for messages; relative paths in the playbook start at `folder`, which is
    /// the path's own without it. `digest` is the hexadecimal SHA-256 of `bytes` where it is known already.
    package static func load(
        bytes: [UInt8],
        path: String,
        folder: String? = nil,
        catalogue: Catalogue,
        digest: String? = nil
    ) -> Result<Playbook, PlaybookError> {
        let text: String
        switch PlaybookText.check(bytes) {
        case .success(let checked): text = checked
        case .failure(let refusal): return .failure(PlaybookError(path: path, [refusal.diagnostic]))
        }
        let diagnostics = Diagnostics()
        let decoder = PlaybookDecoder(
            catalogue: catalogue,
            diagnostics: diagnostics,
            folder: folder ?? Self.folder(of: path)
        )
        let playbook = YAMLReader.read(text, diagnostics: diagnostics).flatMap { root in
            decoder.decode(root, text: text, digest: digest ?? Digest.sha256(bytes), path: path)
        }
        guard let playbook, diagnostics.all.isEmpty else {
            return .failure(PlaybookError(path: path, diagnostics.all))
        }
        return .success(playbook)
    }

    /// As ``load(bytes:path:catalogue:digest:)``, for a text that the journal kept.
    package static func load(
        text: String,
        path: String,
        catalogue: Catalogue,
        digest: String? = nil
    ) -> Result<Playbook, PlaybookError> {
        load(bytes: Array(text.utf8), path: path, catalogue: catalogue, digest: digest)
    }

    /// The largest file that can be a playbook, in bytes.
    package static var sizeLimit: Int { PlaybookText.sizeLimit }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
