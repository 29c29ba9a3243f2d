package factord;

/**
 * One row of the daemon's model table.
 *
 * @param id the number that this client knows the name by, whatever engine it is attached to:
 *     {@code regression} is 0 and {@code classification} 1
 * @param name the model's name, as in {@code /predict/NAME}
 * @param kind what it computes: {@link Kind#LINEAR}, {@link Kind#LOGISTIC}, or a number that this
 *     version does not know, whose models are asked through the ring all the same
 * @param width its number of features, 1 to 1,024
 * @param generation counts the publications of this model in this epoch, from 1
 * @param sha256 SHA-256 of the artifact, 64 hexadecimal digits
 */
public record Model(int id, String name, int kind, int width, int generation, String sha256) {
    Model withId(int other) {
        return new Model(other, name, kind, width, generation, sha256);
    }
}
