import DeployPorts
import NginxConfig
import SafeFile

/// What the switchboard needs in a configuration, as texts of files.
///
/// The upstream's own file gets an `include` of our file for `http`, in front of the upstream block; each
/// server block whose locations pass to the upstream one of our file for `server`, at its top; and each of
/// those `proxy_pass http://app;` becomes one to the switchboard's pool. Our two files are in the private
/// folder beside the upstream's file, where no `include …/*` reaches: named in full they are a part of the
/// configuration however the user's globs are, they are kept with /etc, and a template that is written over
/// the user's file takes all of it out together.
struct BoardPlan: Sendable {
    typealias Place = ConfigurationTree.Place

    struct Paths: Sendable {
        let http: String
        let server: String
    }

    private let settings: NginxSettings
    private let names: BoardNames
    private let paths: Paths
    private let survey: ConfigurationSurvey
    private var edits: [Int: [TextEdit]] = [:]
    private(set) var remarks: [String] = []

    private var tree: ConfigurationTree { survey.tree }

    init(
        _ settings: NginxSettings,
        _ names: BoardNames,
        _ paths: Paths,
        tree: ConfigurationTree
    ) throws(LoadBalancerError) {
        self.settings = settings
        self.names = names
        self.paths = paths
        survey = ConfigurationSurvey(tree, upstream: settings.upstream, pool: names.pool)
        try check()
        for pass in survey.passes where pass.scheme != nil { try take(pass) }
        try includeHTTPFile()
        try includeServerFile()
        remark()
    }

    /// The user's files that have to be changed.
    var changes: [FileChange] {
        edits.keys.sorted().compactMap { index in
            let file = tree.files[index]
            let after = file.configuration.text(with: edits[index, default: []])
            return FileChange(path: file.contents.path, before: file.contents.bytes, after: after)
        }
    }

    /// The user's files that include ours, now or after the changes.
    var userFiles: [String] {
        let indices = Set([tree.files.firstIndex { $0.contents.path == settings.file }].compactMap { $0 })
        return indices.union(servers.map(\.file)).sorted().map { tree.files[$0].contents.path }
    }

    // MARK: checks

    private func check() throws(LoadBalancerError) {
        for pass in survey.passes {
            if let reason = pass.refusal { throw refuse(pass.place, reason) }
        }
        if let place = survey.alias {
            throw refuse(
                place,
                "gives a variable the name of the upstream `\(settings.upstream)`, and a pass uses that variable; write the name itself there"
            )
        }
        guard survey.passes.contains(where: { $0.scheme != nil }) else {
            throw .misconfigured(
                "no location passes requests to the upstream `\(settings.upstream)`, so there is nothing that the switchboard could switch (in `stream` it cannot: use mode weights)"
            )
        }
        for server in servers {
            if let place = survey.directives("open_file_cache", in: server).first(where: isOn) {
                throw refuse(
                    place,
                    "what a whole server remembers of files delays every switch; move it into the locations that serve files"
                )
            }
            let blocks = chain(of: server) + [server]
            if let place = survey.effective("disable_symlinks", in: blocks).found.first(where: isOn) {
                throw refuse(
                    place,
                    "the switchboard is a symbolic link; move it into the locations that serve files"
                )
            }
        }
    }

    private func isOn(_ place: Place) -> Bool { place.statement.arguments != ["off"] }

    private func refuse(_ place: Place, _ reason: String) -> LoadBalancerError {
        let words = tree.files[place.file].configuration.words(of: place.statement).joined(separator: " ")
        return .misconfigured(
            "\(tree.name(of: place)): mode switchboard cannot work with `\(words)`: \(reason); or use mode weights, which takes the configuration as it is"
        )
    }

    // MARK: servers and includes

    /// The server blocks whose locations pass to the upstream.
    private var servers: [Place] {
        var found: [Place] = []
        for pass in survey.passes where pass.scheme != nil {
            if let server = pass.around.last(where: { $0.statement.name == "server" }),
                !found.contains(server)
            {
                found.append(server)
            }
        }
        return found
    }

    private func chain(of server: Place) -> [Place] {
        let around = survey.passes.lazy.map(\.around).first { $0.contains(server) } ?? []
        return Array(around.prefix { $0 != server })
    }

    private func includes(_ path: String, in block: Place) -> Bool {
        survey.directives("include", in: block).contains { $0.statement.arguments == [path] }
    }

    private mutating func includeHTTPFile() throws(LoadBalancerError) {
        guard let index = tree.files.firstIndex(where: { $0.contents.path == settings.file }) else {
            throw .misconfigured(
                "\(settings.file) is not a part of the configuration that `\(settings.test.joined(separator: " "))` tests: no `include` reaches it"
            )
        }
        let file = tree.files[index]
        guard let upstream = file.configuration.upstreams(named: settings.upstream).first else { return }
        let place = file.configuration.statement(of: upstream)
        let around = survey.passes.first { $0.scheme != nil }?.around.first
        guard let http = around, !includes(paths.http, in: http) else { return }
        edits[index, default: []].append(
            file.configuration.insertion(of: ["include \(paths.http);"], before: place)
        )
    }

    private mutating func includeServerFile() throws(LoadBalancerError) {
        for server in servers where !includes(paths.server, in: server) {
            let configuration = tree.files[server.file].configuration
            let edit = configuration.insertion(of: ["include \(paths.server);"], behind: server.statement)
            try add(edit, at: server)
        }
        for server in servers where survey.directives("open_file_cache", in: server).isEmpty {
            let outer = survey.effective("open_file_cache", in: chain(of: server)).found
            guard let place = outer.first, isOn(place) else { continue }
            // A remembered file would delay a switch by as long as it is remembered.
            let configuration = tree.files[server.file].configuration
            try add(
                configuration.insertion(of: ["open_file_cache off;"], behind: server.statement),
                at: server
            )
            remarks.append(
                "\(tree.name(of: server)): this server no longer remembers open files, as \(tree.name(of: place)) would have it; say that again in the locations that serve files"
            )
        }
    }

    // MARK: passes

    private mutating func take(_ pass: Pass) throws(LoadBalancerError) {
        let configuration = tree.files[pass.place.file].configuration
        if case .upstream(let scheme, let path) = pass.target {
            let range = configuration.range(ofArgument: 0, in: pass.place.statement)
            var text = "\(scheme)$\(names.pool)"
            if case .whole(let rest) = path { text += rest }
            try add(TextEdit(range, try quoted(text, pass)), at: pass.place)
        }
        var lines = hostLines(for: pass)
        if pass.protocolName == "proxy" { lines += try redirectLines(for: pass) }
        if case .upstream(_, .replacing(let path)) = pass.target {
            lines.append(try rewriteLine(for: pass, path))
        }
        if let scheme = pass.scheme, ["https://", "grpcs://"].contains(scheme),
            survey.effective("\(pass.protocolName)_ssl_name", in: pass.around).found.isEmpty
        {
            lines.append("\(pass.protocolName)_ssl_name \(settings.upstream);")
        }
        guard !lines.isEmpty else { return }
        try checkRoom(for: lines, pass)
        try add(configuration.insertion(of: lines, behind: pass.place.statement), at: pass.place)
    }

    /// Without `proxy_set_header Host …` nginx sends the name that stands in `proxy_pass`: that stays what it
    /// was.
    ///
    /// One `proxy_set_header` in a location turns off all that it would inherit, so those are said again.
    private func hostLines(for pass: Pass) -> [String] {
        guard ["proxy", "grpc"].contains(pass.protocolName) else { return [] }
        let directive = "\(pass.protocolName)_set_header"
        let (block, headers) = survey.effective(directive, in: pass.around)
        guard !headers.contains(where: { $0.statement.arguments.first?.lowercased() == "host" }) else {
            return []
        }
        let isInherited = block != nil && block != pass.around.last
        let copies = isInherited ? headers.map { words(of: $0) + ";" } : []
        return copies + ["\(directive) Host \(settings.upstream);"]
    }

    /// `proxy_redirect default` does nothing with a variable in `proxy_pass`; what it did is written out.
    private mutating func redirectLines(for pass: Pass) throws(LoadBalancerError) -> [String] {
        // With variables of the user's it did nothing before either.
        if case .whole = pass.path { return [] }
        var (path, location) = ("/", "/")
        if case .replacing(let replacement) = pass.path, let place = pass.location {
            (path, location) = (replacement, PathRewrite.name(of: place))
        }
        let text = "proxy_redirect \(pass.scheme ?? "http://")\(settings.upstream)\(path) \(location)"
        let (_, found) = survey.effective("proxy_redirect", in: pass.around)
        for place in found where place.statement.arguments == ["default"] {
            guard place.file == pass.place.file else {
                throw refuse(
                    place,
                    "it means the name in `proxy_pass`, which is a variable then; write `\(text);`"
                )
            }
            let head = place.statement.head
            try add(TextEdit(head.lowerBound..<head.upperBound - 1, text), at: place)
        }
        return found.isEmpty ? [text + ";"] : []
    }

    private mutating func rewriteLine(
        for pass: Pass,
        _ path: String
    ) throws(LoadBalancerError) -> String {
        let rewrite: PathRewrite
        do throws(PathRewrite.Obstacle) {
            rewrite = try PathRewrite(pass, path, rewriteSurvey)
        } catch {
            throw refuse(error.place, error.reason)
        }
        let place = tree.name(of: pass.place)
        remarks.append(
            "\(place): its path is replaced by a `rewrite` from now on, which percent-encodes what a client should have encoded itself (such as `|`, `\"` and letters beyond ASCII)"
        )
        for reader in rewrite.readers {
            let remark =
                "\(tree.name(of: reader)): `$uri` and `$1` are there what the requests of \(place) are sent on with"
            if !remarks.contains(remark) { remarks.append(remark) }
        }
        return rewrite.line
    }

    private lazy var rewriteSurvey = RewriteSurvey(tree)

    /// As one word of the configuration.
    private func quoted(_ text: String, _ pass: Pass) throws(LoadBalancerError) -> String {
        if text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "$/:._-~%?=&+@,".contains($0)) }) {
            return text
        }
        guard !text.contains(where: { "\"\\".contains($0) || $0.isNewline }) else {
            throw refuse(pass.place, "it has quotes or backslashes, which cannot be kept as they are")
        }
        return "\"\(text)\""
    }

    /// New lines in a location count for what else passes on inside it.
    private func checkRoom(for lines: [String], _ pass: Pass) throws(LoadBalancerError) {
        let needed = "needs `\(lines.joined(separator: " "))`"
        if pass.isConditional {
            throw refuse(
                pass.place,
                "it \(needed), which may not stand inside `if`; write that into its location"
            )
        }
        guard let location = pass.location else { return }
        if let other = survey.passes.first(where: { $0.scheme == nil && $0.around.contains(location) }) {
            throw refuse(
                other.place,
                "the location around it \(needed) and would hand that down; give both their own `proxy_set_header` and `proxy_redirect`"
            )
        }
    }

    private func words(of place: Place) -> String {
        tree.files[place.file].configuration.words(of: place.statement).joined(separator: " ")
    }

    /// A file that is included in several places is edited once; it must need the same everywhere.
    private mutating func add(_ edit: TextEdit, at place: Place) throws(LoadBalancerError) {
        let present = edits[place.file, default: []]
        guard !present.contains(edit) else { return }
        guard !present.contains(where: { $0.range == edit.range && !edit.range.isEmpty }) else {
            throw refuse(
                place,
                "it is included in places that need different lines here; give each its own file"
            )
        }
        edits[place.file, default: []].append(edit)
    }

    // MARK: remarks

    private mutating func remark() {
        for pass in survey.passes where pass.protocolName == "proxy" && pass.scheme != nil {
            let cache = survey.effective("proxy_cache", in: pass.around).found
            guard let first = cache.first, first.statement.arguments != ["off"],
                survey.effective("proxy_cache_key", in: pass.around).found.isEmpty
            else { continue }
            remarks.append(
                "\(tree.name(of: pass.place)): its `proxy_cache` keeps the answers of the environments apart from now on, and begins empty"
            )
        }
        for place in survey.hosts {
            remarks.append(
                "\(tree.name(of: place)): `$proxy_host` is the name of a pool of the switchboard there"
            )
        }
    }
}
