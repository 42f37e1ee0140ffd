// swift-tools-version: 6.2
import PackageDescription

// A module may import only modules of the layers listed here. `Module` refuses anything else while the
// manifest is being read, so a wrong arrow never reaches the compiler.
enum Layer: String {
    case core = "Core"
    case plumbing = "Plumbing"
    case ports = "Ports"
    /// What several drivers share; a driver never sees another.
    case sharedDrivers = "Drivers/Shared"
    case drivers = "Drivers"
    case engine = "Engine"
    case app = "App"
    case testKit = "TestKit"

    var mayImport: [Layer] {
        switch self {
        case .core: [.core]
        case .plumbing: [.plumbing]
        case .ports: [.core]
        case .testKit: [.core, .ports]
        case .sharedDrivers: [.core, .plumbing, .ports]
        case .drivers: [.core, .plumbing, .ports, .sharedDrivers]
        case .engine: [.core, .ports]
        case .app: [.app, .core, .plumbing, .ports, .sharedDrivers, .drivers, .engine]
        }
    }
}

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// Some code of ours; its layer says in which folder it is.
struct Module {
    enum Language { case swift, c, system }

    let name: String
    let imports: [String]
    let products: [Target.Dependency]
    let language: Language

    init(
        _ name: String,
        imports: [String] = [],
        products: [Target.Dependency] = [],
        in language: Language = .swift
    ) {
        (self.name, self.imports, self.products, self.language) = (name, imports, products, language)
    }

    func target(in layer: Layer) -> Target {
        for other in imports {
            guard let below = layers[other], layer.mayImport.contains(below) else {
                fatalError("\(name) (\(layer)) may not import \(other)")
            }
        }
        let path = "Sources/\(layer.rawValue)/\(name)"
        let dependencies = imports.map { Target.Dependency.target(name: $0) } + products
        return switch language {
        case .system: .systemLibrary(name: name, path: path)
        case .c: .target(name: name, path: path)
        case .swift where name == "bgdeploy":
            .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
        case .swift: .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
        }
    }
}

func tests(
    _ name: String,
    of imports: [String],
    products: [Target.Dependency] = [],
    exclude: [String] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: imports.map { .target(name: $0) } + products,
        exclude: exclude,
        swiftSettings: strict
    )
}

/// What several test targets share.
func support(_ name: String, of imports: [String]) -> Target {
    .target(
        name: name,
        dependencies: imports.map { .target(name: $0) },
        path: "Tests/Support/\(name)",
        swiftSettings: strict
    )
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let demoAppProducts: [Target.Dependency] = [
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "Logging", package: "swift-log"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]
let serverProducts: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "Logging", package: "swift-log"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]
let loadProducts: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "Histogram", package: "hdrhistogram-swift"),
]
let swiftLog = Target.Dependency.product(name: "Logging", package: "swift-log")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")

/// Every module of ours, by layer.
let modules: KeyValuePairs<Layer, [Module]> = [
    // What a deployment is. Pure.
    .core: [
        Module("DeployCore"),
        Module("NginxConfig"),
        Module("HAProxyConfig"),
        Module("TrafficShares", imports: ["DeployCore"]),
        Module("TrafficJudgement", imports: ["SequentialStatistics"]),
        Module("SequentialStatistics"),
        Module("MigrationVerdicts"),
    ],
    // What the core's effects need of the world.
    .ports: [
        Module("DeployPorts", imports: ["DeployCore", "TrafficJudgement", "MigrationVerdicts"])
    ],
    // The system, made safe to use.
    .plumbing: [
        // Loads libcurl on the first request, not at every start.
        Module("CCurl", in: .c),
        // Loads libpq when the first database is asked.
        Module("CLibpq", in: .c),
        Module("CLibcrypto", in: .system),
        Module("CSpawn", in: .system),
        Module("HTTPClient", imports: ["CCurl"]),
        Module("WebSocketClient", imports: ["HTTPClient", "CLibcrypto"]),
        Module("LoadClient", imports: ["HTTPClient"], products: loadProducts),
        Module("RedisClient", imports: ["HTTPClient"]),
        Module("PostgresClient", imports: ["CLibpq"]),
        // Loads libpg_query for the first statement that is parsed.
        Module("CPgQuery", in: .c),
        Module("PgQuery", imports: ["CPgQuery"]),
        Module("SafeFile", imports: ["CLibcrypto"]),
        Module("UnixSocket"),
        Module("ChildProcesses", imports: ["CSpawn"]),
        Module("SecureShell", imports: ["ChildProcesses"]),
    ],
    .sharedDrivers: [
        Module("BalancerFiles", imports: ["DeployCore", "DeployPorts", "SafeFile"]),
        Module("JournalFormat", imports: ["DeployCore", "DeployPorts", "SafeFile"]),
    ],
    // How each kind of thing is done.
    .drivers: [
        Module(
            "NginxDriver",
            imports: [
                "BalancerFiles", "DeployCore", "DeployPorts", "NginxConfig", "TrafficShares", "SafeFile",
                "ChildProcesses", "HTTPClient",
            ]
        ),
        Module(
            "HAProxyDriver",
            imports: [
                "BalancerFiles", "DeployCore", "DeployPorts", "HAProxyConfig", "TrafficShares", "SafeFile",
                "ChildProcesses", "UnixSocket",
            ]
        ),
        Module(
            "Checks",
            imports: [
                "DeployCore", "DeployPorts", "HTTPClient", "WebSocketClient", "RedisClient", "PostgresClient",
            ]
        ),
        Module(
            "Load",
            imports: ["DeployCore", "DeployPorts", "HTTPClient", "WebSocketClient", "LoadClient", "SafeFile"]
        ),
        Module("Commands", imports: ["DeployCore", "DeployPorts", "ChildProcesses", "SecureShell"]),
        Module(
            "RemoteHosts",
            imports: [
                "DeployCore", "DeployPorts", "TrafficJudgement", "ChildProcesses", "SecureShell", "SafeFile",
            ]
        ),
        Module(
            "MetricSources",
            imports: [
                "DeployCore", "DeployPorts", "TrafficJudgement", "HTTPClient", "UnixSocket", "ChildProcesses",
            ]
        ),
        Module(
            "Migrations",
            imports: [
                "DeployCore", "DeployPorts", "MigrationVerdicts", "PgQuery", "PostgresClient",
                "ChildProcesses", "SafeFile",
            ]
        ),
        Module(
            "Backups",
            imports: ["DeployCore", "DeployPorts", "CSpawn", "ChildProcesses", "SafeFile", "PostgresClient"]
        ),
        Module("DatabaseDiagnosis", imports: ["PostgresClient"]),
        Module(
            "StoreSQLite",
            imports: ["DeployCore", "DeployPorts", "JournalFormat", "SafeFile"],
            products: [grdb]
        ),
        Module(
            "StorePostgres",
            imports: ["DeployCore", "DeployPorts", "JournalFormat", "PostgresClient", "SafeFile"]
        ),
        Module("TimeZones", imports: ["DeployCore", "DeployPorts"]),
        Module(
            "Notifiers",
            imports: ["DeployCore", "DeployPorts", "HTTPClient", "SafeFile", "ChildProcesses"]
        ),
        Module(
            "Playbooks",
            imports: ["DeployCore", "DeployPorts", "TrafficJudgement", "SafeFile", "ChildProcesses"],
            products: [yams]
        ),
    ],
    // Lease, fold, effects, events.
    .engine: [
        Module("DeployEngine", imports: ["DeployCore", "DeployPorts", "TrafficJudgement"])
    ],
    // What a person may do with a service, and the faces that offer it.
    .app: [
        Module(
            "DeployOperations",
            imports: [
                "DeployCore", "DeployPorts", "DeployEngine", "TrafficJudgement", "SequentialStatistics",
                "NginxDriver", "HAProxyDriver", "Checks", "Load", "Commands", "MetricSources", "StoreSQLite",
                "StorePostgres", "JournalFormat", "Notifiers", "Playbooks", "Migrations", "Backups",
                "ChildProcesses", "SafeFile", "HTTPClient", "RemoteHosts", "SecureShell", "TimeZones",
            ],
            products: [swiftLog]
        ),
        Module(
            "DeployServer",
            imports: [
                "DeployOperations", "DeployCore", "DeployPorts", "DeployEngine", "JournalFormat",
                "TrafficJudgement", "SafeFile", "CLibcrypto", "Notifiers",
            ],
            products: serverProducts
        ),
        Module(
            "DeployCommands",
            imports: [
                "DeployOperations", "DeployServer", "DeployCore", "DeployPorts", "DeployEngine",
                "TrafficJudgement", "SequentialStatistics", "NginxDriver", "HAProxyDriver", "MetricSources",
                "StoreSQLite", "JournalFormat", "Playbooks", "SafeFile", "ChildProcesses", "HTTPClient",
                "NginxConfig", "HAProxyConfig", "MigrationVerdicts", "Migrations", "Backups",
                "DatabaseDiagnosis", "RemoteHosts",
            ],
            products: [argumentParser, swiftLog]
        ),
        Module("bgdeploy", imports: ["DeployCommands", "ChildProcesses"], products: [argumentParser]),
    ],
    // Worlds with rules, and the contracts that drivers keep.
    .testKit: [
        Module("DeployTestKit", imports: ["DeployCore", "DeployPorts", "TrafficJudgement"])
    ],
]

let layers = Dictionary(uniqueKeysWithValues: modules.flatMap { layer, all in all.map { ($0.name, layer) } })

let package = Package(
    name: "bgdeploy",
    products: [
        .executable(name: "bgdeploy", targets: ["bgdeploy"]),
        .executable(name: "bgdeploy-demo-app", targets: ["DemoApp"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: modules.flatMap { layer, all in all.map { $0.target(in: layer) } } + [
        // An app to release: what the demo and the tutorial deploy.
        .executableTarget(
            name: "DemoApp",
            dependencies: [argumentParser, hummingbird] + demoAppProducts,
            path: "examples/demo-app/Sources",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "supervisor-fixture",
            dependencies: ["ChildProcesses"],
            path: "Tests/SupervisorFixture",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "balancer-host-fixture",
            dependencies: [
                "RemoteHosts", "NginxDriver", "HAProxyDriver", "MetricSources", "DeployPorts", "DeployCore",
            ],
            path: "Tests/BalancerHostFixture",
            swiftSettings: strict
        ),
        support("BalancerLab", of: ["DeployCore", "DeployPorts", "SafeFile"]),
        support("StepLab", of: ["ChildProcesses"]),
        support("ServiceLab", of: []),
        support("StoreLab", of: ["DeployCore", "DeployPorts", "JournalFormat"]),
        tests("ArchitectureTests", of: []),
        tests("DeployCoreTests", of: ["DeployCore", "DeployTestKit"], exclude: ["Transcripts"]),
        tests("DeployPortsTests", of: ["DeployCore", "DeployPorts"]),
        tests(
            "DeployEngineTests",
            of: ["DeployCore", "DeployPorts", "DeployEngine", "DeployTestKit", "TrafficJudgement"]
        ),
        tests("NginxConfigTests", of: ["NginxConfig"]),
        tests("SequentialStatisticsTests", of: ["SequentialStatistics"], exclude: ["Vectors"]),
        tests("HAProxyConfigTests", of: ["HAProxyConfig"]),
        tests("TrafficSharesTests", of: ["TrafficShares", "DeployCore"]),
        tests("TrafficJudgementTests", of: ["TrafficJudgement", "SequentialStatistics"]),
        tests("HTTPClientTests", of: ["HTTPClient", "ServiceLab"]),
        tests("WebSocketClientTests", of: ["WebSocketClient", "HTTPClient", "ServiceLab"]),
        tests("LoadClientTests", of: ["LoadClient", "HTTPClient", "ServiceLab"]),
        tests("RedisClientTests", of: ["RedisClient", "HTTPClient", "ServiceLab"]),
        tests("PostgresClientTests", of: ["PostgresClient", "ServiceLab"]),
        tests("PgQueryTests", of: ["PgQuery"]),
        tests(
            "MigrationsTests",
            of: [
                "Migrations", "MigrationVerdicts", "DeployCore", "DeployPorts", "PostgresClient",
                "ServiceLab", "supervisor-fixture",
            ],
            exclude: ["Vectors"]
        ),
        tests("BackupsTests", of: ["Backups", "DeployCore", "DeployPorts", "SafeFile", "ServiceLab"]),
        tests("DatabaseDiagnosisTests", of: ["DatabaseDiagnosis", "PostgresClient", "ServiceLab"]),
        tests("SafeFileTests", of: ["SafeFile"]),
        tests("UnixSocketTests", of: ["UnixSocket"]),
        tests("ChildProcessesTests", of: ["ChildProcesses", "StepLab", "supervisor-fixture"]),
        tests(
            "NginxDriverTests",
            of: [
                "NginxDriver", "BalancerFiles", "BalancerLab", "DeployTestKit", "DeployPorts", "DeployCore",
                "SafeFile", "ChildProcesses", "TrafficShares",
            ]
        ),
        tests(
            "HAProxyDriverTests",
            of: [
                "HAProxyDriver", "BalancerFiles", "BalancerLab", "DeployTestKit", "DeployPorts", "DeployCore",
                "SafeFile", "TrafficShares", "UnixSocket", "ChildProcesses",
            ]
        ),
        tests(
            "ChecksTests",
            of: ["Checks", "DeployCore", "DeployPorts", "HTTPClient", "WebSocketClient", "ServiceLab"]
        ),
        tests(
            "LoadTests",
            of: [
                "Load", "LoadClient", "DeployCore", "DeployPorts", "HTTPClient", "WebSocketClient",
                "SafeFile", "BalancerLab", "ServiceLab",
            ]
        ),
        tests(
            "CommandsTests",
            of: ["Commands", "StepLab", "ChildProcesses", "DeployCore", "DeployPorts", "supervisor-fixture"]
        ),
        tests(
            "RemoteHostsTests",
            of: [
                "RemoteHosts", "SecureShell", "ChildProcesses", "Commands", "SafeFile", "DeployCore",
                "DeployPorts", "DeployEngine", "TrafficJudgement", "NginxDriver", "HAProxyDriver",
                "MetricSources", "DeployTestKit", "BalancerLab", "StepLab", "balancer-host-fixture",
                "supervisor-fixture",
            ]
        ),
        tests(
            "MetricSourcesTests",
            of: [
                "MetricSources", "TrafficJudgement", "DeployPorts", "DeployCore", "UnixSocket", "HTTPClient",
            ]
        ),
        tests(
            "StoreSQLiteTests",
            of: [
                "StoreSQLite", "JournalFormat", "DeployCore", "DeployPorts", "DeployTestKit", "SafeFile",
                "StoreLab",
            ],
            products: [grdb],
            exclude: ["Golden"]
        ),
        tests(
            "StorePostgresTests",
            of: [
                "StorePostgres", "StoreSQLite", "JournalFormat", "DeployCore", "DeployPorts", "DeployTestKit",
                "PostgresClient", "SafeFile", "ServiceLab", "StoreLab",
            ]
        ),
        tests("TimeZonesTests", of: ["TimeZones", "DeployCore", "DeployPorts"]),
        tests(
            "NotifiersTests",
            of: [
                "Notifiers", "DeployCore", "DeployPorts", "DeployTestKit", "HTTPClient", "SafeFile",
                "ServiceLab",
            ]
        ),
        tests(
            "PlaybooksTests",
            of: ["Playbooks", "ChildProcesses", "DeployCore", "DeployPorts", "TrafficJudgement"]
        ),
        tests(
            "DeployOperationsTests",
            of: [
                "DeployOperations", "DeployEngine", "DeployPorts", "DeployCore", "DeployTestKit", "Playbooks",
            ],
            products: [swiftLog]
        ),
        tests(
            "DeployServerTests",
            of: [
                "DeployServer", "DeployOperations", "DeployEngine", "DeployPorts", "DeployCore",
                "DeployTestKit", "TrafficJudgement", "SafeFile", "HTTPClient",
            ],
            products: serverProducts + [
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ]
        ),
        tests(
            "DeployCommandsTests",
            of: [
                "DeployCommands", "DeployOperations", "DeployEngine", "DeployPorts", "DeployCore",
                "TrafficJudgement", "Playbooks",
            ],
            exclude: ["Snapshots"]
        ),
        .testTarget(
            name: "DemoAppTests",
            dependencies: ["DemoApp", hummingbird] + demoAppProducts
                + [.product(name: "NIOEmbedded", package: "swift-nio")],
            swiftSettings: strict
        ),
    ]
)
