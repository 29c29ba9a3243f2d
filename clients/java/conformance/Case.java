package conformance;

/** One numbered case. */
interface Case {
    void run(Stage stage) throws Exception;
}
