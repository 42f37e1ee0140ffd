package import DeployPorts

/// Every kind of channel that a playbook may name.
package enum NotifierKinds {
    /// `caFile`: PEM file of the authorities to trust instead of the system's.
    package static func all(caFile: String? = nil) -> [NotifierKind] {
        let post = Post(caFile: caFile)
        return [
            SlackChannel.kind(post), PagerDutyChannel.kind(post), WebhookChannel.kind(post),
            EmailChannel.kind(caFile: caFile), StatusPageChannel.kind(post), GrafanaChannel.kind(post),
            SentryChannel.kind(post),
        ]
    }
}
