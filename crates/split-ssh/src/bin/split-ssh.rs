fn main() -> std::process::ExitCode {
    split_ssh::cli::main()
}
