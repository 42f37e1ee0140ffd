package import DeployPorts
package import SafeFile

/// A mark with the texts that have to be beside the file before it counts; see
/// ``MarkKeeper/opened(_:token:from:text:to:isReturn:script:)``.
package struct OpenedMark: Hashable, Sendable {
    package var mark: BalancerMark
    /// Those that are not there yet: the backup and the script.
    package var texts: [AtomicFile.Text] = []

    package init(_ mark: BalancerMark) { self.mark = mark }

    package var written: String? {
        get { mark.written }
        set { mark.written = newValue }
    }
}
