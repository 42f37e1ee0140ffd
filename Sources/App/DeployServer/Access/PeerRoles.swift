import Foundation
import NIOCore

/// Who is at the other end of a unix socket, as the kernel says, and what he may do.
package struct PeerRoles: Sendable {
    /// As the kernel keeps them of who connected (`struct ucred`, unix(7)).
    struct Credentials: Sendable {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// The group whose members may deploy; `nil` for none.
    private let group: UInt32?

    /// Returns `nil` when the host has no group of this name.
    package init?(deployGroup: String?) {
        guard let deployGroup else {
            group = nil
            return
        }
        guard let entry = getgrnam(deployGroup) else { return nil }
        group = entry.pointee.gr_gid
    }

    /// Lets those who may deploy connect to the socket at `path`: a connection takes the right to write.
    func open(_ path: String) {
        guard let group else {
            chmod(path, 0o600)
            return
        }
        // A user that is not of the group cannot give it the socket; then it stays this user's alone.
        chmod(path, chown(path, uid_t.max, group) == 0 ? 0o660 : 0o600)
    }

    /// root and the user that the service runs as may do all, members of the group deploy; `nil` for others.
    func principal(of peer: Credentials) -> Principal? {
        let name = Self.name(of: peer.user)
        func principal(_ scope: Scope) -> Principal {
            Principal(
                name: name ?? "uid-\(peer.user)",
                via: "uid \(peer.user)",
                source: "unix",
                scopes: [scope]
            )
        }
        if peer.user == 0 || peer.user == geteuid() { return principal(.admin) }
        guard let group, peer.group == group || Self.groups(of: name, peer.group).contains(group) else {
            return nil
        }
        return principal(.deploy)
    }

    /// Returns `nil` when `channel` is no unix socket.
    static func peer(of channel: any Channel) async -> Credentials? {
        guard case .unixDomainSocket = channel.localAddress, let socket = channel as? any SocketOptionProvider
        else { return nil }
        let option = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        let peer: EventLoopFuture<Credentials> = socket.unsafeGetSocketOption(level: .socket, name: option)
        return try? await peer.get()
    }

    private static func name(of user: UInt32) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return String(cString: entry.pw_name)
    }

    private static func groups(of name: String?, _ primary: UInt32) -> [UInt32] {
        guard let name else { return [] }
        var count: Int32 = 256
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(name, primary, &groups, &count) >= 0 else { return [] }
        return Array(groups.prefix(Int(count)))
    }
}
