/** Why a port can't be had, for people; undefined for any other error. `setting` says how to take another one. */
export function portProblem(error: unknown, host: string, port: number, setting: string): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `${host}:${port} is in use by another process; ${setting} takes another port`;
    case 'EACCES':
      return `${host}:${port} needs rights that this user lacks; ports from 1024 on are free to all`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine`;
    default:
      return undefined;
  }
}
