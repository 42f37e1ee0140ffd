import Foundation

/// Real files of others, which are not part of this repository.
enum Corpus {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "../shared/corpus/haproxy").standardizedFileURL

    static var isPresent: Bool {
        FileManager.default.fileExists(atPath: folder.appending(path: "manifest.json").path())
    }

    struct Sample {
        let name: String
        let bytes: [UInt8]
    }

    static func everything() throws -> [Sample] {
        var samples: [Sample] = []
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path())
        for path in paths.sorted() where path.hasSuffix(".cfg") {
            let data = try Data(contentsOf: folder.appending(path: path))
            samples.append(Sample(name: path, bytes: [UInt8](data)))
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
