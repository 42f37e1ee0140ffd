import DeployPorts
import NginxConfig
import SafeFile

/// Finds the running nginx that belongs to a configuration, and its error log.
struct NginxLocator: Sendable {
    let settings: NginxSettings

    /// The main configuration file: `-c` of the test command, else where packages put it.
    var mainFile: String? {
        if let named = Self.argument("-c", in: settings.test) {
            return named.hasPrefix("/") ? named : "\(prefix ?? "/etc/nginx")/\(named)"
        }
        let usual = [
            "/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf",
        ]
        return usual.first { (try? SafeFile.resolve($0)) != nil }
    }

    /// The master, checked to be one and to have been started with this configuration.
    func master() throws(LoadBalancerError) -> NginxMaster {
        let files = pidFiles
        for file in files {
            guard let text = ProcFile.text(file) else { continue }
            let digits = text.prefix { $0.isNumber }
            if let id = Int32(digits), let master = NginxMaster(id), isOurs(master) { return master }
        }
        // The pid file is lost, empty or stale, which nginx survives.
        let others = NginxMaster.all().filter(isOurs)
        guard let first = others.first else { throw .unreachable(absence(files)) }
        guard others.count == 1 else {
            let ids = others.map { "\($0.process.id)" }.joined(separator: ", ")
            throw .misconfigured(
                "several nginx masters run with this configuration (processes \(ids)) and no pid file tells which one serves: name it with the key `pid`"
            )
        }
        return first
    }

    /// The error log; `nil` when it is not a file that can be told from the configuration.
    var errorLog: String? {
        let named =
            directive("error_log")?.first ?? Self.argument("-e", in: settings.test)
            ?? "/var/log/nginx/error.log"
        if named.hasPrefix("/") { return named }
        return named.contains(":") || named == "stderr" ? nil : prefix.map { "\($0)/\(named)" }
    }

    /// The value of an option of nginx's own, as `-c FILE` or `-cFILE`.
    static func argument(_ flag: String, in command: [String]) -> String? {
        for (index, word) in command.enumerated() where word.hasPrefix(flag) {
            if word != flag { return String(word.dropFirst(flag.count)) }
            if index + 1 < command.count { return command[index + 1] }
        }
        return nil
    }

    // MARK: parts

    private var prefix: String? { Self.argument("-p", in: settings.test) }

    private var pidFiles: [String] {
        if let named = settings.pidFile { return [named] }
        if let named = directive("pid")?.first {
            return [named.hasPrefix("/") ? named : "\(prefix ?? "/usr/share/nginx")/\(named)"]
        }
        return ["/run/nginx.pid", "/var/run/nginx.pid", "/usr/local/nginx/logs/nginx.pid"]
    }

    /// Whether `master` was started with the configuration that the test command tests.
    private func isOurs(_ master: NginxMaster) -> Bool {
        guard let ours = mainFile.flatMap({ try? SafeFile.resolve($0) }) else { return true }
        guard let named = Self.argument("-c", in: master.command) else {
            return Self.argument("-c", in: settings.test) == nil || usualFile == ours
        }
        guard named.hasPrefix("/") else { return true }
        return ((try? SafeFile.resolve(named)) ?? named) == ours
    }

    private var usualFile: String? { try? SafeFile.resolve("/etc/nginx/nginx.conf") }

    private func directive(_ name: String) -> [String]? {
        guard let file = mainFile, let contents = try? SafeFile.read(file),
            let configuration = try? NginxConfiguration(parsing: contents.bytes)
        else { return nil }
        return configuration.arguments(ofFirst: name, in: [])
    }

    private func absence(_ files: [String]) -> String {
        let start = mainFile.map { "`nginx -c \($0)`" } ?? "`nginx`"
        return """
            nginx is not running: \(files.joined(separator: ", ")) names no nginx master and no other one was \
            found; start it with `systemctl start nginx` or \(start). An nginx inside a container has to be \
            changed from inside that container, or in `mode: generated` with `probe` and a `reload` command
            """
    }
}
