import Foundation

/// One Swift file as the rules see it.
struct SourceFile {
    /// From the package's folder: `Sources/Core/DeployCore/Plan.swift`.
    let path: String
    let text: String
    let layer: String
    let module: String

    init(path: String, text: String) {
        self.path = path
        self.text = text
        let parts = path.split(separator: "/").map(String.init)
        let isShared = parts.count > 4 && parts[2] == "Shared"
        layer = parts[0] == "Sources" && parts.count > 3 ? (isShared ? "Drivers/Shared" : parts[1]) : parts[0]
        module = parts.count > 3 ? parts[isShared ? 3 : 2] : ""
    }
}

/// Every Swift file under `Sources` and `examples`, and the layers of the modules.
struct SourceTree {
    let files: [SourceFile]
    let modules: [String: String]

    static func read() throws -> SourceTree {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var files: [SourceFile] = []
        var modules: [String: String] = [:]
        for folder in ["Sources", "examples"] {
            let walker = FileManager.default.enumerator(
                atPath: root.appending(path: folder).resolvingSymlinksInPath().path
            )
            for case let name as String in walker ?? FileManager.DirectoryEnumerator() {
                guard !name.contains("/.build/"), name.hasSuffix(".swift") || name.hasSuffix(".modulemap")
                else {
                    continue
                }
                let url = root.appending(path: "\(folder)/\(name)")
                let file = SourceFile(
                    path: "\(folder)/\(name)",
                    text: try String(contentsOf: url, encoding: .utf8)
                )
                if folder == "Sources" { modules[file.module] = file.layer }
                if name.hasSuffix(".swift") { files.append(file) }
            }
        }
        return SourceTree(files: files.sorted { $0.path < $1.path }, modules: modules)
    }
}
