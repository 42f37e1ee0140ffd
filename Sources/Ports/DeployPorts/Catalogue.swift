public import DeployCore

/// A kind of step that a playbook may name.
///
/// To add one: a file in its driver, one line in the app's catalogue.
public struct StepKind: Sendable {
    /// The key that chooses it: `http`.
    public let key: String
    /// JSON Schema of the key's value, as JSON text.
    public let schema: String
    /// Keys that may stand beside the key in the step and that `make` reads itself, such as `on` beside `run`.
    public let siblings: [String]
    /// What its result captures without being asked, beside what the value's `capture` names.
    public let captures: [String]
    /// Decodes the value.
    ///
    /// Reports every mistake; returns `nil` when there is no usable action.
    public let make:
        @Sendable (_ value: Parameter, _ siblings: [Parameter.Entry], StepContext, Diagnostics) -> (
            any StepAction
        )?

    public init(
        key: String,
        schema: String,
        siblings: [String] = [],
        captures: [String] = [],
        make:
            @escaping @Sendable (_ value: Parameter, _ siblings: [Parameter.Entry], StepContext, Diagnostics)
            ->
            (any StepAction)?
    ) {
        self.key = key
        self.schema = schema
        self.siblings = siblings
        self.captures = captures
        self.make = make
    }
}

/// What a step kind may know of the playbook around it.
public struct StepContext: Sendable {
    public let phase: PhaseName
    public let service: String
    /// The folder of the playbook: relative paths and commands start there.
    public let folder: String
    public let publicURL: String?

    public init(phase: PhaseName, service: String, folder: String, publicURL: String?) {
        self.phase = phase
        self.service = service
        self.folder = folder
        self.publicURL = publicURL
    }
}

/// One environment as the playbook declares it.
public struct EnvironmentSpec: Hashable, Sendable {
    public let name: EnvironmentName
    public let url: String
    /// `host:port` or a socket, as they stand in the balancers' configuration.
    public let servers: [String]

    public init(name: EnvironmentName, url: String, servers: [String]) {
        self.name = name
        self.url = url
        self.servers = servers
    }
}

/// What a balancer's driver may know of the playbook around it.
public struct BalancerContext: Sendable {
    public let service: String
    public let folder: String
    /// Exactly two.
    public let environments: [EnvironmentSpec]
    /// By what a user stays on the side that he was given; `nil` when every request is divided anew.
    public let sticky: UserKey?
    /// Who goes to the candidate whatever its share is.
    public let chosenUsers: ChosenUsers?

    public init(
        service: String,
        folder: String,
        environments: [EnvironmentSpec],
        sticky: UserKey? = nil,
        chosenUsers: ChosenUsers? = nil
    ) {
        self.service = service
        self.folder = folder
        self.environments = environments
        self.sticky = sticky
        self.chosenUsers = chosenUsers
    }
}

/// A kind of balancer that a playbook may name.
public struct BalancerKind: Sendable {
    /// The key that chooses it: `nginx`.
    ///
    /// Its value is the configuration file.
    public let key: String
    /// JSON Schema of the whole entry, as JSON text.
    public let schema: String
    /// Reads all keys of the entry (the caller calls `finish`).
    public let make: @Sendable (_ reader: inout MapReader, BalancerContext) -> ConfiguredBalancer?

    public init(
        key: String,
        schema: String,
        make: @escaping @Sendable (_ reader: inout MapReader, BalancerContext) -> ConfiguredBalancer?
    ) {
        self.key = key
        self.schema = schema
        self.make = make
    }
}

public struct ConfiguredBalancer: Sendable {
    public let balancer: any LoadBalancer
    /// What it sees of the traffic; `nil` when nothing tells.
    public let source: (any MetricsSource)?

    public init(balancer: any LoadBalancer, source: (any MetricsSource)?) {
        self.balancer = balancer
        self.source = source
    }
}
