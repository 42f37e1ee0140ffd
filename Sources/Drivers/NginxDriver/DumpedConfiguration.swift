import NginxConfig

/// All files of a configuration, as `nginx -T` writes them.
struct DumpedConfiguration: Sendable {
    struct File: Sendable {
        let path: String
        let configuration: NginxConfiguration
    }

    let files: [File]

    /// Files that cannot be understood are left out.
    init(_ dump: String) {
        let mark = "# configuration file "
        var files: [File] = []
        var path: String?
        var lines: [Substring] = []
        let finish = {
            guard let path else { return }
            let bytes = Array(lines.joined(separator: "\n").utf8)
            if let configuration = try? NginxConfiguration(parsing: bytes) {
                files.append(File(path: path, configuration: configuration))
            }
        }
        for line in dump.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(mark), line.hasSuffix(":") {
                finish()
                path = String(line.dropFirst(mark.count).dropLast())
                lines = []
            } else {
                lines.append(line)
            }
        }
        finish()
        self.files = files
    }

    /// The arguments of `name` wherever it stands first in a file, and that file.
    func uses(of name: String) -> [(path: String, arguments: [String])] {
        let places = [[], ["http"], ["server"], ["location"], ["http", "server"], ["server", "location"]]
        return files.flatMap { file in
            (places + [["http", "server", "location"]]).compactMap { place in
                file.configuration.arguments(ofFirst: name, in: place).map { (file.path, $0) }
            }
        }
    }
}
