package factord;

/** Thrown when settings of factors cannot be used, or are others than a model's; it names them. */
public final class SettingsException extends RuntimeException {
    private static final long serialVersionUID = 1;

    SettingsException(String message) {
        super(message);
    }
}
