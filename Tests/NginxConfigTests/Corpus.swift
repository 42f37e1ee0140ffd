import Foundation

/// Real files of others, which are not part of this repository.
enum Corpus {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "../shared/corpus/nginx").standardizedFileURL

    static var isPresent: Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: "manifest.json").path())
    }

    struct Sample {
        let name: String
        let bytes: [UInt8]
        /// Whether an independent reader with nginx's token rules reads it.
        let isReadable: Bool
    }

    private struct Entry: Decodable {
        struct Verdict: Decodable { let reader: String }
        let file: String
        let verdict: Verdict
    }

    static func gathered() throws -> [Sample] {
        let manifest = try Data(contentsOf: folder.appending(path: "manifest.json"))
        return try JSONDecoder().decode([Entry].self, from: manifest).map { entry in
            let data = try Data(contentsOf: folder.appending(path: "all").appending(path: entry.file))
            return Sample(name: entry.file, bytes: [UInt8](data), isReadable: entry.verdict.reader == "ok")
        }
    }

    /// The gathered files, and those written for the purpose.
    static func everything() throws -> [Sample] {
        var samples = try gathered()
        for part in ["torture", "derived"] {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: folder.appending(path: part).path()
            )
            for name in names.sorted() {
                let data = try Data(contentsOf: folder.appending(path: part).appending(path: name))
                let isReadable = !name.hasPrefix("bom") && name != "unbalanced.conf"
                samples.append(Sample(name: name, bytes: [UInt8](data), isReadable: isReadable))
            }
        }
        return samples
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
