import BalancerFiles
import DeployPorts
import Glibc
import SafeFile

/// A text that `haproxy -c` has passed, remembered beside the file: one that differs from it in nothing but the
/// weights of the environments' servers needs no test.
///
/// No weight that bgdeploy writes makes a text invalid, and a change reloads nothing. Whatever else is
/// different makes another value: a word of the text, the command, and the program, as after an upgrade. A
/// command that runs HAProxy by something else, as in a container, hides the program: then every text is tested.
///
/// Persisted as one line; losing it costs one test.
struct TestedText: Hashable, Sendable {
    /// SHA-256 of the command, the program's stamp and the text with all weights alike.
    private let line: String

    /// `nil` when it cannot be told which HAProxy tests.
    init?(_ outline: String, by command: [String], in folder: String) {
        guard let name = command.first, AtomicFile.name(of: name).hasPrefix("haproxy"),
            let path = Self.path(of: name, in: folder), let stamp = FileStamp(settled: path)
        else { return nil }
        let parts = command + [path, stamp.text, outline]
        line = Digest.sha256(Array(parts.joined(separator: "\0").utf8)) + "\n"
    }

    private static func path(of keeper: MarkKeeper) -> String { keeper.file.sidePath("tested") }

    /// Whether this was tested before.
    func isKept(by keeper: MarkKeeper) -> Bool {
        (try? keeper.file.side(Self.path(of: keeper))) == Array(line.utf8)
    }

    func keep(by keeper: MarkKeeper) {
        try? keeper.file.setSide(Self.path(of: keeper), Array(line.utf8), durability: .never)
    }

    /// As a command is looked for: by `PATH`, then in the system administrator's folders.
    private static func path(of name: String, in folder: String) -> String? {
        if name.contains("/") { return name.hasPrefix("/") ? name : "\(folder)/\(name)" }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return (path + ":/usr/local/sbin:/usr/sbin:/sbin").split(separator: ":").lazy
            .map { "\($0)/\(name)" }
            .first { $0.hasPrefix("/") && access($0, X_OK) == 0 }
    }
}

extension HAProxyBalancer {
    /// Tests a text unless the same HAProxy has passed one before that differs in nothing but weights, whichever
    /// run asked it.
    func testOnce(_ text: [UInt8], outline: String, _ keeper: MarkKeeper) async throws(LoadBalancerError) {
        let tested = TestedText(outline, by: testCommand, in: settings.folder)
        guard tested?.isKept(by: keeper) != true else { return }
        try await testAndKeep(text, tested, keeper)
    }

    /// Tests a text, whatever is remembered, and remembers it.
    func test(
        _ text: [UInt8],
        outline: String,
        _ keeper: MarkKeeper
    ) async throws(LoadBalancerError) {
        try await testAndKeep(text, TestedText(outline, by: testCommand, in: settings.folder), keeper)
    }

    private func testAndKeep(
        _ text: [UInt8],
        _ tested: TestedText?,
        _ keeper: MarkKeeper
    ) async throws(LoadBalancerError) {
        guard try await test(text, keeper), let tested else { return }
        tested.keep(by: keeper)
    }
}
