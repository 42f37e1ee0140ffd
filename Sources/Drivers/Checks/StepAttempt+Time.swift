import DeployCore
import DeployPorts

extension StepAttempt {
    /// What a request may take: a little less than the attempt, so that the failure is the one that says where
    /// it hung.
    func time(within limit: Span?) -> Duration {
        if let limit, limit < deadline { return .milliseconds(limit.milliseconds) }
        return .milliseconds(deadline.milliseconds - min(50, deadline.milliseconds / 20))
    }

    /// The same attempt with another deadline.
    func with(deadline: Span) -> StepAttempt {
        StepAttempt(
            run: run,
            step: step,
            number: number,
            deadline: deadline,
            values: values,
            folder: folder,
            isDetaching: isDetaching,
            report: report,
            note: note
        )
    }

    /// The same attempt with other values.
    func with(values: Values) -> StepAttempt {
        StepAttempt(
            run: run,
            step: step,
            number: number,
            deadline: deadline,
            values: values,
            folder: folder,
            isDetaching: isDetaching,
            report: report,
            note: note
        )
    }
}
