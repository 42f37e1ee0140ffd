import ChildProcesses
import NginxConfig
import SafeFile

/// Something about an nginx that a person should know before a release; nothing of it stops one.
package struct NginxAdvice: Hashable, Sendable {
    /// What was found.
    package let what: String
    /// What it does to a release, and how to mend it.
    package let detail: String

    /// What `nginx -v`, the configuration (`nginx -T`) and the balancer's file tell.
    ///
    /// What cannot be read gives no advice. Changes nothing.
    package static func advice(for settings: NginxSettings) async -> [NginxAdvice] {
        let text = await output(of: "-v", settings)
        let dump = DumpedConfiguration(await output(of: "-T", settings) ?? "")
        var advice: [NginxAdvice] = []
        if settings.mode != .switchboard {
            advice += [keepAlive(text.flatMap { NginxVersion(output: $0) }, dump), shutdown(dump)].compactMap(
                \.self
            )
        } else if let cache = openFileCache(dump) {
            advice.append(cache)
        }
        advice += strayFiles(dump)
        if settings.mode == .weights, let zone = await missingZone(settings) { advice.append(zone) }
        return advice
    }

    private static func output(of flag: String, _ settings: NginxSettings) async -> String? {
        guard let place = settings.test.lastIndex(of: "-t") else { return nil }
        var command = settings.test
        command[place] = flag
        let outcome = try? await ShortCommand.run(
            command,
            folder: settings.folder,
            deadline: 60_000,
            outputLimit: 32 << 20
        )
        return outcome?.status == .exited(0) ? outcome?.output : nil
    }

    // MARK: rules

    static func keepAlive(_ version: NginxVersion?, _ dump: DumpedConfiguration) -> NginxAdvice? {
        let timeouts = dump.uses(of: "keepalive_timeout").compactMap(\.arguments.first)
        guard let version, timeouts.isEmpty || !timeouts.allSatisfy({ milliseconds($0) == 0 }) else {
            return nil
        }
        guard version < .keepaliveMinTimeout else {
            guard dump.uses(of: "keepalive_min_timeout").isEmpty else { return nil }
            return NginxAdvice(
                what: "nginx \(version) can keep a reload from failing requests, and is not told to",
                detail:
                    "without `keepalive_min_timeout` a reload closes idle keep-alive connections at once, and a request that is just then on its way fails; write `keepalive_min_timeout 1s;` into `http`. It must be longer than a client's pause between two requests plus a round trip"
            )
        }
        return NginxAdvice(
            what: "nginx \(version) closes idle keep-alive connections at every reload",
            detail:
                "a request that is just then on its way fails (measured over 50 reloads: 0.1 to 0.5 % of the requests of busy keep-alive clients nearby, more over slow links; none of those with a connection each). `mode: switchboard` divides without a reload; nginx 1.27.4 and later have `keepalive_min_timeout`; `keepalive_timeout 0;` costs a connection for each request"
        )
    }

    static func shutdown(_ dump: DumpedConfiguration) -> NginxAdvice? {
        guard let use = dump.uses(of: "worker_shutdown_timeout").last, let text = use.arguments.first,
            let time = milliseconds(text), time < 60_000
        else { return nil }
        return NginxAdvice(
            what: "`worker_shutdown_timeout \(text)` in \(use.path) cuts long responses at every reload",
            detail:
                "what an old worker still serves after that time is cut, downloads and WebSockets too (measured: 90 % of streams of 600 ms at 200 ms); make it longer than the longest response, such as 10m"
        )
    }

    static func openFileCache(_ dump: DumpedConfiguration) -> NginxAdvice? {
        guard let use = dump.uses(of: "open_file_cache").first(where: { $0.arguments != ["off"] }) else {
            return nil
        }
        return NginxAdvice(
            what: "`open_file_cache` in \(use.path) can delay a switch",
            detail:
                "nginx remembers for `open_file_cache_valid` whether a file is there, and `mode: switchboard` switches by files (measured: 1.2 to 1.4 s late); the switchboard's locations need `open_file_cache off;`"
        )
    }

    /// Files that an `include …/*` takes in although nobody meant it.
    static func strayFiles(_ dump: DumpedConfiguration) -> [NginxAdvice] {
        let ends = [
            ".bak", "~", ".orig", ".save", ".old", ".rej", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".rpmsave",
        ]
        return dump.files.map(\.path).filter { path in ends.contains { path.hasSuffix($0) } }.map { path in
            NginxAdvice(
                what: "nginx loads \(path), which looks like a copy that was left behind",
                detail:
                    "an include with `*` takes it in, and what it defines counts; move it to another folder"
            )
        }
    }

    private static func missingZone(_ settings: NginxSettings) async -> NginxAdvice? {
        let contents = await BlockingWork.run { try? SafeFile.read(settings.file) }
        guard let contents, let configuration = try? NginxConfiguration(parsing: contents.bytes),
            let upstream = configuration.upstreams(named: settings.upstream).first, !upstream.hasZone
        else { return nil }
        return NginxAdvice(
            what: "\(contents.path):\(upstream.line): upstream `\(upstream.name)` has no `zone`",
            detail:
                "each worker then counts by itself, and the first requests after a change are off (measured with 8 workers: 17 % where 25 % was asked); write `zone \(upstream.name) 64k;` into it"
        )
    }

    /// nginx's times: `200ms`, `10s`, `1m30s`, `10`; `nil` for anything else.
    static func milliseconds(_ text: String) -> Int? {
        let units = [
            ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000),
        ]
        var (rest, total) = (Substring(text), 0)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let count = Int(digits), count < 1_000_000_000 else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.isEmpty ? ("", 1000) : units.first { rest.hasPrefix($0.0) }
            guard let unit else { return nil }
            total += count * unit.1
            rest = rest.dropFirst(unit.0.count)
        }
        return total
    }
}
