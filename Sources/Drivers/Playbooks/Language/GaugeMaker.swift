package import DeployPorts

/// Makes what reads a figure; the application fills it.
package struct GaugeMaker: Sendable {
    /// A path in the place of a URL is one at the candidate; `folder` is where commands start.
    package let make:
        @Sendable (_ spec: Playbook.GaugeSpec, Values, _ folder: String) throws(StepFailure) -> any Gauge

    package init(
        make:
            @escaping @Sendable (_ spec: Playbook.GaugeSpec, Values, _ folder: String) throws(StepFailure) ->
            any Gauge
    ) {
        self.make = make
    }
}
