import Glibc

/// What is in folders.
enum FolderList {
    /// The names in a folder, without `.` and `..`; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let list = opendir(path) else { return [] }
        defer { closedir(list) }
        var names: [String] = []
        while let item = readdir(list) {
            let name = withUnsafePointer(to: &item.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// How many names there are that do not begin with a dot.
    static func count(in path: String) -> Int {
        guard let list = opendir(path) else { return 0 }
        defer { closedir(list) }
        var count = 0
        while let item = readdir(list) {
            if item.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }

    /// Removes a folder with all that is in it, as far as that is possible; links are not followed.
    static func remove(_ path: String) {
        guard unlink(path) != 0, errno != ENOENT else { return }
        for name in names(in: path) { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
