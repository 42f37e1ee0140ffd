/// Who may import whom; the manifest holds the same table for the targets.
enum Layers {
    /// By layer; the parts of our own product.
    ///
    /// A module of `Drivers` never sees another one.
    static let mayImport: [String: Set<String>] = [
        "Core": ["Core"],
        "Plumbing": ["Plumbing"],
        "Ports": ["Core"],
        "TestKit": ["Core", "Ports"],
        "Drivers/Shared": ["Core", "Plumbing", "Ports"],
        "Drivers": ["Core", "Plumbing", "Ports", "Drivers/Shared"],
        "Engine": ["Core", "Ports"],
        "App": ["App", "Core", "Plumbing", "Ports", "Drivers/Shared", "Drivers", "Engine"],
    ]

    /// What comes with the toolchain, by the layers that may use it.
    private static let system: [String: Set<String>] = [
        "Synchronization": [
            "Plumbing", "Ports", "TestKit", "Drivers/Shared", "Drivers", "Engine", "App", "examples",
        ],
        "Foundation": ["Plumbing", "Drivers/Shared", "Drivers", "App", "examples"],
        "FoundationEssentials": ["Plumbing", "Drivers/Shared", "Drivers", "App", "examples"],
        "Glibc": ["Plumbing", "Drivers/Shared", "Drivers", "App", "examples"],
        "Dispatch": ["Plumbing", "Drivers/Shared", "Drivers", "App", "examples"],
    ]

    /// What others made, by the one module that may use it.
    private static let foreign: [String: Set<String>] = [
        "Yams": ["Playbooks"],
        "GRDB": ["StoreSQLite"],
        "ArgumentParser": ["DeployCommands", "bgdeploy"],
        "NIOCore": ["LoadClient", "DeployServer"],
        "NIOPosix": ["LoadClient"],
        "NIOHTTP1": ["LoadClient"],
        "NIOSSL": ["LoadClient"],
        "Histogram": ["LoadClient"],
        "Hummingbird": ["DeployServer"],
        "HummingbirdCore": ["DeployServer"],
        "HTTPTypes": ["DeployServer"],
        "ServiceLifecycle": ["DeployServer"],
        "UnixSignals": ["DeployServer"],
        "Logging": ["DeployOperations", "DeployServer", "DeployCommands"],
    ]

    /// Why `file` may not import `name`; `nil` when it may.
    static func objection(to name: String, in file: SourceFile, modules: [String: String]) -> String? {
        if let layers = system[name] {
            return layers.contains(file.layer) ? nil : "\(file.layer) does without \(name)"
        }
        // An example is a program of its own: it takes what it likes, but nothing of ours.
        if file.layer == "examples" {
            return modules[name].map { _ in "an example does not look into the product" }
        }
        if let users = foreign[name] {
            return users.contains(file.module)
                ? nil : "only \(users.sorted().joined(separator: ", ")) may use \(name)"
        }
        guard let layer = modules[name] else { return "\(name) is nobody we know" }
        guard name != file.module else { return nil }
        guard mayImport[file.layer]?.contains(layer) == true else {
            return "\(file.layer) may not import \(name) of \(layer)"
        }
        return nil
    }
}
