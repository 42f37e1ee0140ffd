package import MigrationVerdicts

/// What a live database has: the schema that the stable version works on, and how large its tables are.
package protocol MigrationCatalogue: Sendable {
    /// Complete: what is not in it does not exist. Reads only, and takes no lock that anybody waits for.
    func schema() async throws(MigrationCatalogueError) -> Schema
}

/// Why there is no catalogue; nothing in the database has changed.
package enum MigrationCatalogueError: Error, Hashable, Sendable {
    /// Trying again may help: not reachable, late, cut off.
    case unavailable(String)
    /// Trying again changes nothing: not a URL, no right to look, no library.
    case unusable(String)
}
