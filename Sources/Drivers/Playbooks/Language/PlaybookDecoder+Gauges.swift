import DeployCore
import DeployPorts

/// Where the numbers of `metrics` come from that no balancer tells.
extension PlaybookDecoder {
    /// A Prometheus and a command are not asked every second.
    private static let defaultEvery = Span.seconds(10)

    /// `expected` says what `from` may be.
    func gauge(
        _ value: Parameter,
        expected: String = "balancer or a mapping"
    ) -> Playbook.GaugeSpec.Source? {
        guard case .map = value else {
            diagnostics.report(
                value.position,
                "`from` must be \(expected), found \(value.kindDescription)"
            )
            return nil
        }
        if value.child("prometheus") != nil { return prometheus(value) }
        if value.child("command") != nil { return command(value) }
        guard value.child("http") != nil else {
            diagnostics.report(
                value.position,
                "`from` needs one of the keys `http`, `prometheus` and `command`"
            )
            return nil
        }
        var reader = MapReader(value, "`from`", diagnostics: diagnostics)
        let location = reader.required("http").flatMap { reader.template(of: $0, "http") }
        let field = reader.required("value").flatMap { plain(of: $0, "value", reader) }
        reader.finish()
        guard let location, let field else { return nil }
        return .json(location: location, field: field)
    }

    private func prometheus(_ value: Parameter) -> Playbook.GaugeSpec.Source? {
        var reader = MapReader(value, "`from`", diagnostics: diagnostics)
        let server = reader.required("prometheus").flatMap { reader.template(of: $0, "prometheus") }
        let query = reader.required("query").flatMap { reader.template(of: $0, "query") }
        let authorization = authorization(&reader)
        let every = every(&reader)
        reader.finish()
        guard let server, let query else { return nil }
        return .prometheus(
            Playbook.GaugeSpec.PrometheusQuery(
                server: server,
                query: query,
                authorization: authorization,
                every: every
            )
        )
    }

    private func command(_ value: Parameter) -> Playbook.GaugeSpec.Source? {
        var reader = MapReader(value, "`from`", diagnostics: diagnostics)
        guard let command = reader.required("command") else { return nil }
        let arguments = reader.list(of: command, "command")?
            .compactMap { reader.template(of: $0, "command") }
        let every = every(&reader)
        reader.finish()
        guard let arguments else { return nil }
        guard arguments.first?.source.isEmpty == false else {
            diagnostics.report(
                command.position,
                "`command` must be a program and its arguments, such as [./count.sh, \"${candidate}\"]"
            )
            return nil
        }
        for reference in arguments.flatMap(\.references) where reference.name.hasPrefix("secret.") {
            let name = reference.name.dropFirst("secret.".count)
            diagnostics.report(
                reference.position,
                "`${\(reference.name)}` would be seen in the list of processes; the command has it as the "
                    + "variable BGDEPLOY_SECRET_\(name)"
            )
        }
        return .command(arguments, every: every)
    }

    private func every(_ reader: inout MapReader) -> Span {
        guard let value = reader.optional("every"), let span = reader.span(of: value, "every") else {
            return Self.defaultEvery
        }
        guard span >= .seconds(1) else {
            diagnostics.report(value.position, "`every` must be 1s or longer, found \(value.kindDescription)")
            return Self.defaultEvery
        }
        return span
    }

    private func authorization(_ reader: inout MapReader) -> Playbook.GaugeSpec.Authorization? {
        let bearer = reader.template("bearer")
        guard let value = reader.optional("basic") else { return bearer.map { .bearer($0) } }
        if bearer != nil {
            diagnostics.report(value.position, "`from` takes one of `bearer` and `basic`")
        }
        var basic = MapReader(value, "`basic`", diagnostics: diagnostics)
        let user = basic.required("user").flatMap { basic.template(of: $0, "user") }
        let password = basic.required("password").flatMap { basic.template(of: $0, "password") }
        basic.finish()
        guard let user, let password else { return nil }
        return .basic(user: user, password: password)
    }
}
