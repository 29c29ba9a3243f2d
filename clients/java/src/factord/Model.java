package factord;

/**
 * One row of the daemon's model table.
 *
 * @param id the number that requests carry; it stays the same across reloads
 * @param name the model's name, as in {@code /predict/NAME}
 * @param kind what it computes
 * @param width its number of features, 1 to 1,024
 * @param generation counts the publications of this model in this epoch, from 1
 * @param sha256 SHA-256 of the artifact, 64 hexadecimal digits
 */
public record Model(int id, String name, Kind kind, int width, int generation, String sha256) {}
