import Glibc

extension AtomicFile {
    /// A file with its new text.
    package struct Text: Hashable, Sendable {
        package let path: String
        package let bytes: [UInt8]
        let newMode: UInt32

        /// `newMode` is the mode of a file that did not exist.
        package init(_ path: String, _ bytes: [UInt8], newMode: UInt32 = 0o600) {
            (self.path, self.bytes, self.newMode) = (path, bytes, newMode)
        }
    }

    /// Replaces several files of one folder, durably, at little more than the price of one.
    ///
    /// Each is replaced whole, in their order, once all texts are on the disk: a crash leaves the first so many
    /// new and the others old. When it throws, so many may be new too.
    package static func replaceTogether(_ texts: [Text]) throws(FileProblem) {
        var drafts: [Draft] = []
        defer { for draft in drafts { draft.drop() } }
        for text in texts { drafts.append(try Draft(text)) }
        // The first of these waits for the disk; the others find that their texts are there already.
        for draft in drafts { try draft.sync() }
        for draft in drafts { try draft.publish() }
        if let last = drafts.last { try syncFolder(of: last.target) }
    }

    /// A new text under a name of its own.
    private struct Draft {
        let target: String
        private let old: FileContents?
        private let temporary: String
        private let descriptor: Int32

        init(_ text: Text) throws(FileProblem) {
            old = try existing(text.path)
            target = old?.path ?? text.path
            temporary = temporaryName(for: target)
            descriptor = try create(temporary)
            do throws(FileProblem) {
                try fill(descriptor, text.bytes, temporary, like: old, newMode: text.newMode)
            } catch {
                drop()
                throw error
            }
            // Linux begins to write what is not needed in memory any more, so that all are under way before one is
            // waited for. It is only an advice: fsync(2) is what counts.
            _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        }

        func sync() throws(FileProblem) {
            guard fsync(descriptor) == 0 else { throw .of(errno, target, "write") }
        }

        func publish() throws(FileProblem) {
            try checkUnchanged(target, since: old)
            guard rename(temporary, target) == 0 else { throw .of(errno, target, "replace") }
        }

        /// After ``publish()`` only the descriptor is left.
        func drop() {
            close(descriptor)
            unlink(temporary)
        }
    }
}
