{#
  Periods that touch or overlap, made one. `relation` is a CTE with the key columns, member_from and
  member_until (exclusive).
#}
{% macro merged_periods(relation, key) -%}
    select
        {{ key | join(', ') }},
        min(member_from) as member_from,
        max(member_until) as member_until
    from (
        select
            *,
            sum(starts_period) over (
                partition by {{ key | join(', ') }}
                order by member_from, member_until
                rows between unbounded preceding and current row
            ) as period_number
        from (
            select
                *,
                case
                    when member_from <= max(member_until) over (
                        partition by {{ key | join(', ') }}
                        order by member_from, member_until
                        rows between unbounded preceding and 1 preceding
                    ) then 0
                    else 1
                end as starts_period
            from {{ relation }}
            where member_from < member_until
        ) as marked
    ) as numbered
    group by {{ key | join(', ') }}, period_number
{%- endmacro %}
