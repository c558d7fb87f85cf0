import type { Blame } from '../../kernel/fault.ts';

/** `response.error.code`s (API reference, "The response object") that say less by their name than by whose doing they are. */
export const errorCodes: Readonly<Record<string, Blame>> = {
  invalid_prompt: 'content',
  image_content_policy_violation: 'content',
  bio_policy: 'content',
  cyber_policy: 'content',
  invalid_image: 'caller',
  invalid_image_format: 'caller',
  invalid_base64_image: 'caller',
  invalid_image_url: 'caller',
  invalid_image_mode: 'caller',
  image_too_large: 'caller',
  image_too_small: 'caller',
  image_parse_error: 'caller',
  image_file_too_large: 'caller',
  unsupported_image_media_type: 'caller',
  empty_image_file: 'caller',
  failed_to_download_image: 'caller',
  image_file_not_found: 'caller',
  vector_store_timeout: 'provider',
};
