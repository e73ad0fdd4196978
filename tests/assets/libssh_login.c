/* Logs in by libssh with whatever the agent offers, and prints what `echo inside` says.
 * usage: libssh_login PORT USER KNOWN_HOSTS */
#include <libssh/libssh.h>
#include <stdio.h>

static int fail(ssh_session session, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, ssh_get_error(session));
	return 1;
}

int main(int argc, char **argv)
{
	int no = 0, count;
	char buffer[64];
	ssh_session session = ssh_new();
	ssh_channel channel;

	if (argc != 4 || session == NULL)
		return 2;
	ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(session, SSH_OPTIONS_HOST, "127.0.0.1");
	ssh_options_set(session, SSH_OPTIONS_PORT_STR, argv[1]);
	ssh_options_set(session, SSH_OPTIONS_USER, argv[2]);
	ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, argv[3]);
	if (ssh_connect(session) != SSH_OK)
		return fail(session, "connect");
	if (ssh_session_is_known_server(session) != SSH_KNOWN_HOSTS_OK)
		return fail(session, "unknown host");
	if (ssh_userauth_agent(session, NULL) != SSH_AUTH_SUCCESS)
		return fail(session, "login");
	channel = ssh_channel_new(session);
	if (ssh_channel_open_session(channel) != SSH_OK ||
	    ssh_channel_request_exec(channel, "echo inside") != SSH_OK)
		return fail(session, "exec");
	while ((count = ssh_channel_read(channel, buffer, sizeof(buffer), 0)) > 0)
		fwrite(buffer, 1, count, stdout);
	ssh_channel_free(channel);
	ssh_disconnect(session);
	ssh_free(session);
	return 0;
}
